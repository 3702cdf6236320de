module atoll/bench

go 1.26.7

require (
	atoll v0.0.0
	golang.org/x/sys v0.49.0
)

replace atoll => ../
