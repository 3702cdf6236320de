//go:build linux

package main

import "fmt"

// verdict says whether a target is met.
type verdict struct{ Target, Found, Verdict string }

// verdicts looks at all targets whose figures were chosen.
func (f *figures) verdicts() (all []verdict) {
	for _, t := range targets {
		found, ok := f.median(t.figure, "atoll")
		if !ok {
			continue
		}
		v := verdict{Target: t.String(), Found: number(found), Verdict: "not measured"}
		limit, ok := t.limit(f)
		if ok {
			v.Found = fmt.Sprintf("%s, limit %s", number(found), number(limit))
			v.Verdict = "missed"
			if t.meets(found, limit) {
				v.Verdict = "met"
			}
		}
		all = append(all, v)
	}
	return all
}

// limit is what Atoll's figure must not pass; false if what it is compared with was not measured.
func (t target) limit(f *figures) (float64, bool) {
	if t.subject == "" {
		return t.times, true
	}
	other, ok := f.median(t.than(), t.subject)
	return t.times * other, ok
}

// than is the figure to compare with.
func (t target) than() string {
	if t.other == "" {
		return t.figure
	}
	return t.other
}

func (t target) higher() bool {
	p := partOf(t.figure)
	return p != nil && p.higher
}

func (t target) meets(found, limit float64) bool {
	switch {
	case t.strict:
		return found < limit != t.higher() && found != limit
	case t.higher():
		return found >= limit
	default:
		return found <= limit
	}
}

func (t target) String() string {
	sign := "≤"
	switch {
	case t.strict && t.higher():
		sign = ">"
	case t.strict:
		sign = "<"
	case t.higher():
		sign = "≥"
	}
	if t.subject == "" {
		return fmt.Sprintf("%s %s %g %s", t.figure, sign, t.times, partOf(t.figure).unit)
	}
	than := t.subject
	if t.other != "" {
		than = t.other + " of " + t.subject
	}
	if t.times == 1 {
		return fmt.Sprintf("%s %s %s", t.figure, sign, than)
	}
	return fmt.Sprintf("%s %s %g × %s", t.figure, sign, t.times, than)
}
