package sqltest

import (
	"github.com/stretchr/testify/require"
)

// Findings is what the audit of all sequences says, as "sequence kind from-to", and whether that is explained.
func Findings(s Session) []string {
	s.T.Helper()
	return Texts(s, `SELECT concat_ws(' ', sequence, kind, coalesce(first_value || '-' || last_value, 'unreadable'), CASE WHEN explained THEN 'explained' END)
		FROM gapless.audit_gapless()`)
}

// RequireSound checks that the audit finds nothing that is not explained.
func RequireSound(s Session) {
	s.T.Helper()
	require.Empty(s.T, Texts(s, "SELECT f::text FROM gapless.audit_gapless() AS f WHERE NOT explained"))
}
