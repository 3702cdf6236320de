//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// verbs is the part of docs/COMMAND.md that the program's own help makes.
func verbs() string {
	var b strings.Builder
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Hidden || c.Name() == "help" || c.Name() == "completion" {
			return
		}
		if c.HasParent() {
			c.InitDefaultHelpFlag()
			fmt.Fprintf(&b, "### `%s`\n\n%s\n\n```text\n%s\n```\n\n```sh\n%s\n```\n\n", c.UseLine(), sentenceOf(c), c.Long, unindent(c.Example))
			if flags := c.LocalFlags().FlagUsages(); flags != "" {
				fmt.Fprintf(&b, "```text\n%s```\n\n", flags)
			}
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(newRoot())
	return strings.TrimRight(b.String(), "\n") + "\n"
}

func sentenceOf(c *cobra.Command) string { return c.Short + "." }

func unindent(example string) string {
	lines := strings.Split(example, "\n")
	for n := range lines {
		lines[n] = strings.TrimPrefix(lines[n], "  ")
	}
	return strings.Join(lines, "\n")
}

// metricTable is the part about metrics.
func metricTable() string {
	var text strings.Builder
	text.WriteString("| Metric | What it counts, by the label `type` |\n|---|---|\n")
	for _, m := range metrics {
		// Desc{fqName: "atoll_objects", help: "…, by type.", …
		parts := strings.SplitN(m.sum.String(), `"`, 5)
		_, _ = fmt.Fprintf(&text, "| `%s` | %s |\n", parts[1], strings.TrimSuffix(parts[3], ", by type."))
	}
	return text.String()
}

// docs/COMMAND.md has every verb and flag as the program's help has it, and every
// metric. UPDATE_SCREENS=1 writes the verbs.
func TestDocumentedVerbs(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "COMMAND.md")
	page, err := os.ReadFile(path)
	must(t, err)
	const heading = "What `atoll VERB --help` says.\n\n"
	head, tail, found := strings.Cut(string(page), heading)
	if !found {
		t.Fatalf("%s has no %q", path, heading)
	}
	if os.Getenv("UPDATE_SCREENS") != "" {
		must(t, os.WriteFile(path, []byte(head+heading+verbs()), 0o600))
		tail = verbs()
	}
	if tail != verbs() {
		t.Errorf("%s does not have the verbs as --help has them; UPDATE_SCREENS=1 go test -run TestDocumentedVerbs writes it", path)
	}
	if !strings.Contains(head, metricTable()) {
		t.Errorf("%s has not this table:\n%s", path, metricTable())
	}
	for _, status := range []int{statusDone, statusFailure, statusUsage, statusAbandoned, statusTimeout, statusOwn} {
		if !strings.Contains(head, fmt.Sprintf("\n| %d | ", status)) {
			t.Errorf("%s does not say what status %d means", path, status)
		}
	}
	for key := range signalKeys {
		if !strings.Contains(head, "`"+key+"`") {
			t.Errorf("%s does not say what the key %s does", path, key)
		}
	}
}
