package cmdline

import "strings"

// Split gives the arguments of a command line, the program's name first, by the rules
// of Microsoft's C runtime since 2008. Whoever reads a command line finds no fault in
// it: a quotation mark that is missing at its end is there.
//
// The name ends at the first blank outside quotation marks; a backslash in it is a
// letter like any other. In the arguments 2n backslashes before a quotation mark are n,
// and the mark quotes; 2n+1 are n and the mark itself; others are themselves. Inside
// quotation marks two of them are one that does not end the quotation.
//
// Source: https://learn.microsoft.com/cpp/c-language/parsing-c-command-line-arguments
func Split(line string) []string {
	line, _, _ = strings.Cut(line, "\x00")
	name, rest := program(line)
	args := []string{name}
	for {
		rest = strings.TrimLeft(rest, blanks)
		if rest == "" {
			return args
		}
		var arg string
		arg, rest = next(rest)
		args = append(args, arg)
	}
}

const blanks = " \t"

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// program takes the name off a command line.
func program(line string) (name, rest string) {
	var b strings.Builder
	quoted := false
	for i := range len(line) {
		switch c := line[i]; {
		case c == '"':
			quoted = !quoted
		case isBlank(c) && !quoted:
			return b.String(), line[i:]
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), ""
}

// next takes an argument off a command line that begins with it.
func next(line string) (arg, rest string) {
	var b strings.Builder
	quoted := false
	for i := 0; i < len(line); {
		backslashes := len(line[i:]) - len(strings.TrimLeft(line[i:], `\`))
		i += backslashes
		mark := i < len(line) && line[i] == '"'
		if !mark {
			b.WriteString(strings.Repeat(`\`, backslashes))
		}
		switch {
		case i == len(line):
		case mark:
			b.WriteString(strings.Repeat(`\`, backslashes/2))
			switch {
			case backslashes%2 == 1:
				b.WriteByte('"')
			case quoted && i+1 < len(line) && line[i+1] == '"':
				b.WriteByte('"')
				i++
			default:
				quoted = !quoted
			}
			i++
		case isBlank(line[i]) && !quoted:
			return b.String(), line[i:]
		default:
			b.WriteByte(line[i])
			i++
		}
	}
	return b.String(), ""
}
