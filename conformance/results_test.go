package conformance

import (
	"encoding/json"
	"flag"
	"os"
	"strings"
	"sync"
	"testing"
)

// What came of a line.
const (
	passed        = "passed"
	knownGap      = "gap"
	failed        = "failed"
	notApplicable = "not applicable"
)

// result is what conformance/report reads of a line.
type result struct {
	Area   string
	Line   string
	Says   string
	Source string
	Result string
	Why    string `json:",omitempty"`
}

var results struct {
	sync.Mutex
	all []result
}

var resultsTo = flag.String("results", "", "`file` that results are written to")

// remember keeps the result of a line; its area is called as the test that t is of.
func remember(t *testing.T, l *line, came, why string) {
	t.Helper()
	area, _, _ := strings.Cut(strings.TrimPrefix(t.Name(), "Test"), "/")
	results.Lock()
	defer results.Unlock()
	results.all = append(results.all, result{area, l.id, l.says, l.source, came, why})
}

// writeResults writes them where -results says.
func writeResults() error {
	if *resultsTo == "" {
		return nil
	}
	text, err := json.Marshal(results.all)
	if err != nil {
		return err
	}
	return os.WriteFile(*resultsTo, text, 0o644)
}
