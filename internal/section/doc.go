// Package section answers one question: what holds of sections and their views, whatever
// the system that maps them?
package section
