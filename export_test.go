//go:build linux

package atoll

import "atoll/internal/layout"

var parseMember = layout.ParseMember
