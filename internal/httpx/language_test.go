package httpx

import "testing"

func TestLanguageIsTheOneAskedForMost(t *testing.T) {
	for header, want := range map[string]string{
		"": "en", "zh": "zh", "zh-CN,zh;q=0.9,en;q=0.8": "zh", "en;q=0.5, zh-Hant;q=0.7": "zh", "en, zh": "en",
		"de, fr;q=0.9": "en", "de, zh;q=0.1": "zh", "zh;q=x": "en", "zh;q=0": "en", ";;,,q=": "en", "ZH": "zh",
	} {
		if got := Language(ask("192.0.2.1:1", "h", "Accept-Language", header)); got != want {
			t.Errorf("%q: %s, want %s", header, got, want)
		}
	}
}
