package migrate

// For tests with other migrations than the embedded ones.
var (
	UpFrom   = up
	LoadFrom = load
)
