// Types as JSON Schema, draft 2020-12: what models are asked to answer with, and what API documents show.
//   J1. Named types are written out where they stand; those that lead back to themselves become `$defs`, and so does every
//       name once the schema is large: types that hold each other twice, level by level, would double it with each.
//   J2. What has to be there is what check-value.ts asks for.
import type { PrimitiveName } from '../types/type.ts';
import type { IRType, JsonValue } from './ir.ts';
import { definitionOf, type NamedTypes, recursiveNames, takesNull } from './named-types.ts';

export type JsonSchema = { readonly [key: string]: JsonValue };

export interface JsonSchemaOptions {
  /** Whether objects have no other fields than those of the type. @default true */
  readonly isClosed?: boolean;
  /**
   * Where definitions of recursive types go, for who puts several schemas into one document; `refPrefix` leads there.
   * Without it they stand in the schema itself.
   */
  readonly defs?: Record<string, JsonSchema>;
  /** @default '#/$defs/' */
  readonly refPrefix?: string;
}

export function jsonSchemaOf(type: IRType, types: NamedTypes, options: JsonSchemaOptions = {}): JsonSchema {
  const defs = options.defs ?? {};
  const writer = new SchemaWriter(types, defs, options.isClosed ?? true, options.refPrefix ?? '#/$defs/');
  const schema = writer.write(type);
  const isAlone = options.defs === undefined && Object.keys(defs).length > 0;
  return isAlone ? { ...schema, $defs: defs } : schema;
}

const PRIMITIVES: Readonly<Record<PrimitiveName, JsonSchema>> = {
  string: { type: 'string' },
  int: { type: 'integer' },
  float: { type: 'number' },
  money: { type: 'number' },
  bool: { type: 'boolean' },
  date: { type: 'string', format: 'date' },
  datetime: { type: 'string', format: 'date-time' },
  duration: { type: 'number', description: 'milliseconds' },
  email: { type: 'string', format: 'email' },
  url: { type: 'string', format: 'uri' },
  uuid: { type: 'string', format: 'uuid' },
};

/** Parts of a schema before names are no longer written out. */
const WRITTEN_MAX = 1_000;

class SchemaWriter {
  readonly #types: NamedTypes;
  readonly #defs: Record<string, JsonSchema>;
  readonly #isClosed: boolean;
  readonly #refPrefix: string;
  #writtenCount = 0;
  readonly #pending: string[] = [];

  constructor(types: NamedTypes, defs: Record<string, JsonSchema>, isClosed: boolean, refPrefix: string) {
    this.#types = types;
    this.#defs = defs;
    this.#isClosed = isClosed;
    this.#refPrefix = refPrefix;
  }

  /** With the definitions that it needs. */
  write(type: IRType): JsonSchema {
    const schema = this.schemaOf(type);
    for (let name = this.#pending.pop(); name !== undefined; name = this.#pending.pop())
      this.#defs[name] = this.schemaOf(definitionOf(name, this.#types));
    return schema;
  }

  schemaOf(type: IRType): JsonSchema {
    this.#writtenCount += 1;
    switch (type.kind) {
      case 'primitive':
        return PRIMITIVES[type.name];
      case 'array':
        return { type: 'array', items: this.schemaOf(type.item as IRType) };
      case 'map':
        return this.#mapSchema(type);
      case 'object':
        return this.#objectSchema(type);
      case 'enum':
        return { type: 'string', enum: type.symbols };
      case 'literal':
        return { type: 'string', const: type.value };
      case 'null':
        return { type: 'null' };
      case 'dynamic':
        return {};
      case 'union':
        return this.#unionSchema(type.members as readonly IRType[]);
      case 'optional':
        return this.#optionalSchema(type.inner as IRType);
      case 'named':
        return this.#namedSchema(type.name);
    }
  }

  #mapSchema({ key, value }: IRType & { readonly kind: 'map' }): JsonSchema {
    const names = this.schemaOf(key as IRType);
    const isAnyText = Object.keys(names).length === 1 && names['type'] === 'string';
    const additionalProperties = this.schemaOf(value as IRType);
    return { type: 'object', ...(!isAnyText && { propertyNames: names }), additionalProperties };
  }

  #objectSchema(type: IRType & { readonly kind: 'object' }): JsonSchema {
    const properties = type.fields.map(({ name, type: of, is_optional: isOptional }) => [
      name,
      isOptional === true ? this.#optionalSchema(of as IRType) : this.schemaOf(of as IRType),
    ]);
    const required = type.fields
      .filter((field) => field.is_optional !== true && !takesNull(field.type as IRType, this.#types))
      .map(({ name }) => name);
    return {
      type: 'object',
      properties: Object.fromEntries(properties) as JsonSchema,
      required,
      ...(this.#isClosed && { additionalProperties: false }),
    };
  }

  /** Several texts are one enum: models follow those better than alternatives. */
  #unionSchema(members: readonly IRType[]): JsonSchema {
    const texts = members.map((member) => (member.kind === 'literal' ? member.value : undefined));
    if (texts.every((text) => text !== undefined)) return { type: 'string', enum: [...new Set(texts)] };
    return { anyOf: members.map((member) => this.schemaOf(member)) };
  }

  #optionalSchema(inner: IRType): JsonSchema {
    const schema = this.schemaOf(inner);
    const { type, enum: symbols, const: constant, anyOf } = schema;
    if (constant !== undefined || symbols !== undefined || type === undefined) {
      if (Object.keys(schema).length === 0) return schema;
      if (Array.isArray(anyOf)) return { anyOf: [...(anyOf as readonly JsonValue[]), { type: 'null' }] };
      return { anyOf: [schema, { type: 'null' }] };
    }
    return typeof type === 'string' && type !== 'null' ? { ...schema, type: [type, 'null'] } : schema;
  }

  #namedSchema(name: string): JsonSchema {
    const type = definitionOf(name, this.#types);
    if (this.#writtenCount <= WRITTEN_MAX && !recursiveNames(this.#types).has(name))
      return this.schemaOf(type);
    if (!Object.hasOwn(this.#defs, name)) {
      this.#defs[name] = {};
      this.#pending.push(name);
    }
    return { $ref: this.#refPrefix + pointerPart(name) };
  }
}

/** A name in the fragment of a URI (RFC 6901, section 6): those of bundles may have any characters. */
function pointerPart(name: string): string {
  return encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'));
}
