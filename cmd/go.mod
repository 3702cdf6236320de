module atoll/cmd

go 1.26.0

require (
	atoll v0.0.0
	github.com/spf13/cobra v1.10.2
)

replace atoll => ../
