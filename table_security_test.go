//go:build linux

package atoll

// What became of each line about security (12.11) of the list of Windows' behaviours:
// the test that covers it, by the line's number in the name of a subtest; or why
// there is none.
var securityLines = map[string]string{
	"C390": "TestRightsThatAreNotThere/C390",
	"C392": "TestSecurityLines/C392",
	"C393": "TestSecurityLines/C393",
	"C394": "TestSecurityLines/C394",
	"C396": "TestGenericRights/C396",
	"C397": "TestGenericRights/C397",
	"C398": "TestGenericRights/C398",
	"C400": "TestSecurityLines/C400",
	"C401": "not applicable: Linux has no integrity levels: ParseSDDL refuses a label, and says what to do instead (TestParseSDDL/C401)",
	"C402": "TestRightsThatAreNotThere/C402",
}
