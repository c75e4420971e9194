package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
)

// Receipt is numbered when its transaction commits. By Nillable the number is a pointer: until then it is NULL.
type Receipt struct{ ent.Schema }

// Fields are its columns.
func (Receipt) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("cents"),
		field.Int64("number").Optional().Nillable().Immutable().Unique(),
	}
}
