package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
)

// Invoice is numbered when it is inserted. By Optional ent leaves the number out of an INSERT, and by Immutable out of an UPDATE.
type Invoice struct{ ent.Schema }

// Fields are its columns.
func (Invoice) Fields() []ent.Field {
	return []ent.Field{
		field.String("order_id").Unique(),
		field.String("customer"),
		field.Int64("number").Optional().Immutable().Unique(),
	}
}
