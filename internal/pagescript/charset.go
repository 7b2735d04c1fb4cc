package pagescript

import "strings"

// unit is how an encoding writes ASCII.
type unit int

const (
	bytewise unit = iota // as bytes: UTF-8 and all the legacy encodings
	utf16le
	utf16be
)

// charset is the encoding that an answer's headers declare.
type charset struct {
	unit    unit
	settled bool // the browser does not look for a declaration in the page
}

// charsetOf reads a label. It refuses the encodings in which ASCII text would not be
// read as such: those that browsers know as "replacement" or not at all, where what they
// make of the bytes is anyone's guess.
func charsetOf(label string) (charset, bool) {
	switch label {
	case "":
		return charset{}, true
	case "utf-16", "utf-16le", "unicode", "ucs-2", "iso-10646-ucs-2", "csunicode", "unicodefeff":
		return charset{unit: utf16le, settled: true}, true
	case "utf-16be", "unicodefffe":
		return charset{unit: utf16be, settled: true}, true
	case "replacement", "hz-gb-2312", "iso-2022-kr", "csiso2022kr", "iso-2022-cn", "iso-2022-cn-ext":
		return charset{}, false
	}
	for _, p := range []string{"utf-7", "utf7", "unicode-1-1-utf-7", "csutf7", "x-utf-7", "utf-32", "utf32", "ucs-4", "iso-10646-ucs-4", "scsu", "bocu", "ebcdic", "x-ebcdic"} {
		if strings.HasPrefix(label, p) {
			return charset{}, false
		}
	}
	if ebcdic(label) {
		return charset{}, false
	}
	return charset{settled: known(label)}, true
}

// ebcdic tells whether the label is one of IBM's code pages that do not write ASCII as ASCII.
func ebcdic(label string) bool {
	for _, p := range []string{"ibm-", "ibm", "cp-", "cp", "x-ibm"} {
		page, ok := strings.CutPrefix(label, p)
		if !ok {
			continue
		}
		switch strings.TrimLeft(page, "0") {
		case "37", "273", "277", "278", "280", "284", "285", "290", "297", "420", "423", "424", "500", "833", "838", "870", "871", "875", "880", "905",
			"918", "924", "1025", "1026", "1047", "1112", "1122", "1123", "1130", "1132", "1140", "1141", "1142", "1143", "1144", "1145", "1146", "1147", "1148", "1149":
			return true
		}
	}
	return false
}

// known tells whether browsers surely believe the label. One that they do not know makes
// them look into the page.
func known(label string) bool {
	switch label {
	case "utf-8", "utf8", "us-ascii", "ascii", "latin1", "gbk", "gb2312", "gb18030", "big5", "shift_jis", "shift-jis", "sjis", "euc-jp", "euc-kr", "koi8-r", "koi8-u":
		return true
	}
	return strings.HasPrefix(label, "iso-8859-1") || strings.HasPrefix(label, "windows-125")
}

// byteOrder looks for a byte order mark, which wins over every declaration. ok is false
// while more bytes are needed, and more never come after the end.
func byteOrder(b []byte, end bool) (u unit, length int, ok bool) {
	marks := []struct {
		mark string
		unit unit
	}{{"\xEF\xBB\xBF", bytewise}, {"\xFE\xFF", utf16be}, {"\xFF\xFE", utf16le}}
	for _, m := range marks {
		switch {
		case strings.HasPrefix(string(b), m.mark):
			return m.unit, len(m.mark), true
		case !end && strings.HasPrefix(m.mark, string(b)):
			return 0, 0, false
		}
	}
	return 0, 0, true
}

// encode writes ASCII text in the encoding's units.
func (u unit) encode(ascii string) []byte {
	if u == bytewise {
		return []byte(ascii)
	}
	out := make([]byte, 0, 2*len(ascii))
	for i := range len(ascii) {
		if u == utf16le {
			out = append(out, ascii[i], 0)
		} else {
			out = append(out, 0, ascii[i])
		}
	}
	return out
}

// size is the bytes of one unit.
func (u unit) size() int {
	if u == bytewise {
		return 1
	}
	return 2
}

// at returns the unit at the start of b as an ASCII byte, or 0x80 for anything else.
func (u unit) at(b []byte) byte {
	low, high := b[0], byte(0)
	switch u {
	case utf16le:
		high = b[1]
	case utf16be:
		low, high = b[1], b[0]
	}
	if high != 0 || low >= 0x80 {
		return 0x80
	}
	return low
}
