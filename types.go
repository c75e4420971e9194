package gapless

import (
	"reflect"

	"github.com/jackc/pgx/v5/pgtype"
)

// ownTypes returns the connection's types for callbacks, which run when somebody else has the connection: none of them changes what
// another one reads. pgx's codecs are shared by copies of a map, and an EnumCodec notes the texts that it has decoded.
func ownTypes(types *pgtype.Map) *pgtype.Map {
	own := types.Copy()
	own.TryWrapScanPlanFuncs = types.TryWrapScanPlanFuncs
	registered := reflect.ValueOf(types).Elem().FieldByName("oidToType") // pgx has no list of them
	if registered.Kind() != reflect.Map {
		return own
	}
	for _, oid := range registered.MapKeys() {
		if known, ok := types.TypeForOID(uint32(oid.Uint())); ok {
			own.RegisterType(ownType(known))
		}
	}
	return own
}

// ownType is the same type, with an EnumCodec of its own wherever there is one in it.
func ownType(t *pgtype.Type) *pgtype.Type {
	if t == nil {
		return nil
	}
	return &pgtype.Type{Name: t.Name, OID: t.OID, Codec: ownCodec(t.Codec)}
}

func ownCodec(codec pgtype.Codec) pgtype.Codec {
	switch codec := codec.(type) {
	case *pgtype.EnumCodec:
		return &pgtype.EnumCodec{}
	case *pgtype.ArrayCodec:
		own := *codec
		own.ElementType = ownType(codec.ElementType)
		return &own
	case *pgtype.RangeCodec:
		return &pgtype.RangeCodec{ElementType: ownType(codec.ElementType)}
	case *pgtype.MultirangeCodec:
		return &pgtype.MultirangeCodec{ElementType: ownType(codec.ElementType)}
	case *pgtype.CompositeCodec:
		own := &pgtype.CompositeCodec{Fields: make([]pgtype.CompositeCodecField, len(codec.Fields))}
		for i, field := range codec.Fields {
			own.Fields[i] = pgtype.CompositeCodecField{Name: field.Name, Type: ownType(field.Type)}
		}
		return own
	case *pgtype.TextFormatOnlyCodec:
		return &pgtype.TextFormatOnlyCodec{Codec: ownCodec(codec.Codec)}
	}
	return codec
}
