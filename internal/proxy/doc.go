// Package proxy is the process that stands in for a command in a job without a
// control group: the starter's child, and no more than that. What the command's
// parent must be, package guardian says; so the command cannot be the starter's
// child itself. A proxy passes signals on, and ends as the command did.
//
// It is this very program, started again, as package guardian does it.
package proxy
