// Package setup prepares the directory of Global names, which an administrator
// does once, and again whenever the memory that it lies in is new.
package setup
