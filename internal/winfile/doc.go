// Package winfile answers one question: what does a file of Windows do on Linux? Handles,
// and what each of them may do, are not its business.
package winfile
