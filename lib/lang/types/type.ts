// The types of the language: what the checker reasons with, and, but for `dynamic` and `never`, what the IR stores.

export type PrimitiveName =
  'string' | 'int' | 'float' | 'bool' | 'date' | 'datetime' | 'duration' | 'money' | 'email' | 'url' | 'uuid';

export interface ObjectField {
  readonly name: string;
  readonly type: Type;
  /** Declared as `name: T?`: it may be absent, and reads as null then. */
  readonly is_optional?: boolean;
}

export type Type =
  | { readonly kind: 'primitive'; readonly name: PrimitiveName }
  | { readonly kind: 'array'; readonly item: Type }
  | { readonly kind: 'map'; readonly key: Type; readonly value: Type }
  | { readonly kind: 'object'; readonly fields: readonly ObjectField[] }
  | { readonly kind: 'enum'; readonly symbols: readonly string[] }
  | { readonly kind: 'union'; readonly members: readonly Type[] }
  /** `T?`: T or null. */
  | { readonly kind: 'optional'; readonly inner: Type }
  /** A declared type; its definition is in the table of types of the module. Types may refer to each other. */
  | { readonly kind: 'named'; readonly name: string }
  /** One string, as in `"a" | "b"`. */
  | { readonly kind: 'literal'; readonly value: string }
  | { readonly kind: 'null' }
  /** Of plugins without an interface and the like: cannot be written in source; fits everything. */
  | { readonly kind: 'dynamic' }
  /** Of what never gives a value. The checker's own: not in the IR. */
  | { readonly kind: 'never' };
