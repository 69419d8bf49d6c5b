// Types as JSON Schema, draft 2020-12: what models are asked to answer with, and what API documents show.
//   J1. Named types are written out where they stand; only those that lead back to themselves become `$defs`.
import type { PrimitiveName } from '../types/type.ts';
import type { IRType, JsonValue } from './ir.ts';

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

export function jsonSchemaOf(
  type: IRType,
  types: Readonly<Record<string, IRType>>,
  options: JsonSchemaOptions = {},
): JsonSchema {
  const defs = options.defs ?? {};
  const writer = new SchemaWriter(types, defs, options.isClosed ?? true, options.refPrefix ?? '#/$defs/');
  const schema = writer.schemaOf(type);
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
  duration: { type: 'integer', description: 'milliseconds' },
  email: { type: 'string', format: 'email' },
  url: { type: 'string', format: 'uri' },
  uuid: { type: 'string', format: 'uuid' },
};

class SchemaWriter {
  readonly #types: Readonly<Record<string, IRType>>;
  readonly #defs: Record<string, JsonSchema>;
  readonly #isClosed: boolean;
  readonly #refPrefix: string;
  readonly #recursive = new Map<string, boolean>();

  constructor(
    types: Readonly<Record<string, IRType>>,
    defs: Record<string, JsonSchema>,
    isClosed: boolean,
    refPrefix: string,
  ) {
    this.#types = types;
    this.#defs = defs;
    this.#isClosed = isClosed;
    this.#refPrefix = refPrefix;
  }

  schemaOf(type: IRType): JsonSchema {
    switch (type.kind) {
      case 'primitive':
        return PRIMITIVES[type.name];
      case 'array':
        return { type: 'array', items: this.schemaOf(type.item as IRType) };
      case 'map':
        return { type: 'object', additionalProperties: this.schemaOf(type.value as IRType) };
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

  #objectSchema(type: IRType & { readonly kind: 'object' }): JsonSchema {
    const properties = type.fields.map(({ name, type: of, is_optional: isOptional }) => [
      name,
      isOptional === true ? this.#optionalSchema(of as IRType) : this.schemaOf(of as IRType),
    ]);
    const required = type.fields.filter((field) => field.is_optional !== true).map(({ name }) => name);
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
    if (texts.every((text) => text !== undefined)) return { type: 'string', enum: texts };
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
    const type = Object.hasOwn(this.#types, name) ? this.#types[name] : undefined;
    if (!type) return {};
    if (!this.#isRecursive(name)) return this.schemaOf(type);
    if (!Object.hasOwn(this.#defs, name)) {
      this.#defs[name] = {};
      this.#defs[name] = this.schemaOf(type);
    }
    return { $ref: this.#refPrefix + name };
  }

  #isRecursive(name: string): boolean {
    const known = this.#recursive.get(name);
    if (known !== undefined) return known;
    const seen = new Set<string>();
    const pending = [...namesIn(this.#types[name])];
    let isRecursive = false;
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      if (next === name) isRecursive = true;
      if (seen.has(next)) continue;
      seen.add(next);
      const type = Object.hasOwn(this.#types, next) ? this.#types[next] : undefined;
      pending.push(...namesIn(type));
    }
    this.#recursive.set(name, isRecursive);
    return isRecursive;
  }
}

function* namesIn(type: IRType | undefined): Generator<string> {
  const pending: (IRType | undefined)[] = [type];
  for (let at = pending.pop(); at; at = pending.pop()) {
    if (at.kind === 'named') yield at.name;
    else if (at.kind === 'array') pending.push(at.item as IRType);
    else if (at.kind === 'map') pending.push(at.value as IRType);
    else if (at.kind === 'optional') pending.push(at.inner as IRType);
    else if (at.kind === 'union') pending.push(...(at.members as readonly IRType[]));
    else if (at.kind === 'object') pending.push(...at.fields.map((field) => field.type as IRType));
  }
}
