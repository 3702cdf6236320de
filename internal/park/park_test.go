//go:build linux

package park

import (
	"testing"

	"atoll/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }
