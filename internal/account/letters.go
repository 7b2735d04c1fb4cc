package account

import "unicode"

type runeKind int

const (
	letterRune runeKind = iota
	separatorRune
	droppedRune
	unknownRune
)

// translate gives the ASCII text of a rune of a name: crude, without a language, but
// the same every time.
func translate(r rune) (string, runeKind) {
	switch {
	case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
		return string(r), letterRune
	case r >= 'A' && r <= 'Z':
		return string(r + 'a' - 'A'), letterRune
	case r == '.', r == '_', r == '-':
		return string(r), separatorRune
	case r == '\'', r == '`', r == 0x2019, unicode.Is(unicode.Mn, r):
		return "", droppedRune // O'Brien, combining accents
	case r < 0x80:
		return "-", separatorRune
	}
	if text, ok := latin(unicode.ToLower(r)); ok {
		return text, letterRune
	}
	if unicode.IsSpace(r) || unicode.IsPunct(r) {
		return "-", separatorRune
	}
	return "", unknownRune
}

// latin covers the lower-case letters of Latin-1 Supplement and Latin Extended-A,
// which write the names of most of Europe.
func latin(r rune) (string, bool) {
	switch r {
	case 'ä', 'æ':
		return "ae", true
	case 'ö', 'ø', 'œ':
		return "oe", true
	case 'ü':
		return "ue", true
	case 'ß':
		return "ss", true
	case 'å':
		return "aa", true
	case 'þ':
		return "th", true
	case 'à', 'á', 'â', 'ã', 'ā', 'ă', 'ą':
		return "a", true
	case 'ç', 'ć', 'ĉ', 'ċ', 'č':
		return "c", true
	case 'ð', 'ď', 'đ':
		return "d", true
	case 'è', 'é', 'ê', 'ë', 'ē', 'ĕ', 'ė', 'ę', 'ě':
		return "e", true
	case 'ĝ', 'ğ', 'ġ', 'ģ':
		return "g", true
	case 'ĥ', 'ħ':
		return "h", true
	case 'ì', 'í', 'î', 'ï', 'ĩ', 'ī', 'ĭ', 'į', 'ı':
		return "i", true
	}
	return latinRest(r)
}

func latinRest(r rune) (string, bool) {
	switch r {
	case 'ĵ':
		return "j", true
	case 'ķ':
		return "k", true
	case 'ĺ', 'ļ', 'ľ', 'ŀ', 'ł':
		return "l", true
	case 'ñ', 'ń', 'ņ', 'ň':
		return "n", true
	case 'ò', 'ó', 'ô', 'õ', 'ō', 'ŏ', 'ő':
		return "o", true
	case 'ŕ', 'ŗ', 'ř':
		return "r", true
	case 'ś', 'ŝ', 'ş', 'š', 'ș':
		return "s", true
	case 'ţ', 'ť', 'ŧ', 'ț':
		return "t", true
	case 'ù', 'ú', 'û', 'ũ', 'ū', 'ŭ', 'ů', 'ű', 'ų':
		return "u", true
	case 'ŵ':
		return "w", true
	case 'ý', 'ÿ', 'ŷ':
		return "y", true
	case 'ź', 'ż', 'ž':
		return "z", true
	}
	return "", false
}
