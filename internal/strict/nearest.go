package strict

import "strings"

// Nearest gives the candidate that the word was probably meant to be, or ""
// where none is near enough to be a help.
func Nearest(word string, candidates []string) string {
	if word == "" || len(word) > maxQuoted {
		return ""
	}
	word = normal(word)
	best, bestDistance := "", max(1, len(word)/3)+1
	for _, c := range candidates {
		if d := Distance(word, normal(c), bestDistance); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	if best != "" {
		return best
	}
	for _, c := range candidates {
		if n := normal(c); len(word) >= 4 && (strings.Contains(n, word) || len(n) >= 4 && strings.Contains(word, n)) {
			return c
		}
	}
	return ""
}

func normal(s string) string {
	return strings.ReplaceAll(strings.ToLower(s), "-", "_")
}

// Distance counts the insertions, deletions, replacements and swaps of neighbours that
// turn a into b; it stops, with something greater than most, where that is certain.
func Distance(a, b string, most int) int {
	if d := len(a) - len(b); d > most || d < -most {
		return most + 1
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
			least = min(least, row[j])
		}
		if least > most {
			return least
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
