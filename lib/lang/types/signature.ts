// Reads the signatures of stdlib.ts, each once. They are ours, so what cannot be read is a mistake of this program.
import { DYNAMIC, enumOf, NEVER, NULL, optionalOf, PRIMITIVES } from './construct.ts';
import { FUNCTIONS, HOST_FUNCTIONS, METHODS } from './stdlib.ts';
import type { ObjectField, Type } from './type.ts';
import { type TypeArguments, VARIABLES } from './type-arguments.ts';

/** `T`, `U`, `K`, `V` are named types of these names; declared types never meet them. */
export type SignatureType = Type;
export interface FunctionType {
  readonly params: readonly SignatureType[];
  readonly result: SignatureType;
}
export interface SignatureParam {
  readonly name: string;
  readonly is_optional: boolean;
  /** One of the two. */
  readonly type: SignatureType;
  readonly fn?: FunctionType;
}
export interface Signature {
  /** Absent: a property. */
  readonly params: readonly SignatureParam[] | undefined;
  readonly result: SignatureType;
}

const TOKEN = /\s*(=>|[A-Za-z_]+|[()[\]{}:,?=])/y;

class SignatureReader {
  readonly #tokens: readonly string[];
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    const tokens: string[] = [];
    TOKEN.lastIndex = 0;
    for (let match = TOKEN.exec(text); match; match = TOKEN.exec(text)) tokens.push(match[1] ?? '');
    this.#tokens = tokens;
  }

  read(): Signature {
    if (this.#peek() !== '(') return { params: undefined, result: this.#type() };
    this.#take('(');
    const params: SignatureParam[] = [];
    while (this.#peek() !== ')') {
      if (params.length > 0) this.#take(',');
      params.push(this.#param());
    }
    this.#take(')');
    return { params, result: this.#type() };
  }

  #param(): SignatureParam {
    const name = this.#next();
    this.#take(':');
    const fn = this.#peek() === '(' ? this.#function() : undefined;
    const type = fn ? DYNAMIC : this.#type();
    const is_optional = this.#peek() === '=';
    if (is_optional) this.#next();
    return { name, is_optional, type, ...(fn && { fn }) };
  }

  #function(): FunctionType {
    this.#take('(');
    const params: Type[] = [];
    while (this.#peek() !== ')') {
      if (params.length > 0) this.#take(',');
      params.push(this.#type());
    }
    this.#take(')');
    this.#take('=>');
    return { params, result: this.#type() };
  }

  #type(): Type {
    const type = this.#plainType();
    if (this.#peek() !== '?') return type;
    this.#next();
    return optionalOf(type);
  }

  #plainType(): Type {
    const word = this.#next();
    const primitive = PRIMITIVES.get(word);
    if (primitive) return primitive;
    if (word === 'dynamic') return DYNAMIC;
    if (word === 'never') return NEVER;
    if (word === 'null') return NULL;
    if (word === 'enum') return enumOf([]);
    if (VARIABLES.has(word)) return { kind: 'named', name: word };
    if (word === '{') return this.#object();
    if (word !== 'array' && word !== 'map') throw this.#unreadable();
    this.#take('[');
    const first = this.#type();
    const second = word === 'map' ? (this.#take(','), this.#type()) : undefined;
    this.#take(']');
    return second ? { kind: 'map', key: first, value: second } : { kind: 'array', item: first };
  }

  #object(): Type {
    const fields: ObjectField[] = [];
    while (this.#peek() !== '}') {
      if (fields.length > 0) this.#take(',');
      const name = this.#next();
      this.#take(':');
      fields.push({ name, type: this.#type() });
    }
    this.#take('}');
    return { kind: 'object', fields };
  }

  #peek(): string | undefined {
    return this.#tokens[this.#at];
  }

  #next(): string {
    const token = this.#tokens[this.#at];
    if (token === undefined) throw this.#unreadable();
    this.#at += 1;
    return token;
  }

  #take(token: string): void {
    if (this.#next() !== token) throw this.#unreadable();
  }

  #unreadable(): Error {
    return new Error(`standard library: signature ${this.#text} cannot be read at token ${this.#at}`);
  }
}

export function readSignature(text: string): Signature {
  return new SignatureReader(text).read();
}

/** Full name → signature, read on first use. */
class SignatureTable {
  readonly #texts: ReadonlyMap<string, string>;
  readonly #read = new Map<string, Signature>();

  constructor(texts: Readonly<Record<string, string>>) {
    this.#texts = new Map(Object.entries(texts));
  }

  get(name: string): Signature | undefined {
    const known = this.#read.get(name);
    if (known) return known;
    const text = this.#texts.get(name);
    if (text === undefined) return undefined;
    const signature = readSignature(text);
    this.#read.set(name, signature);
    return signature;
  }

  get names(): Iterable<string> {
    return this.#texts.keys();
  }
}

export const FUNCTION_SIGNATURES = new SignatureTable(FUNCTIONS);
export const HOST_SIGNATURES = new SignatureTable(HOST_FUNCTIONS);
export const METHOD_SIGNATURES: ReadonlyMap<string, SignatureTable> = new Map(
  Object.entries(METHODS).map(([receiver, methods]) => [receiver, new SignatureTable(methods)]),
);
/** `math`, `json`. */
export const LIBRARIES: ReadonlySet<string> = new Set(
  Object.keys(FUNCTIONS).flatMap((name) => (name.includes('.') ? [name.slice(0, name.indexOf('.'))] : [])),
);

/** Fills variables by what is known of them; unknown ones become dynamic. */
export function substitute(type: SignatureType, known: TypeArguments): Type {
  switch (type.kind) {
    case 'named':
      return VARIABLES.has(type.name) ? (known.get(type.name) ?? DYNAMIC) : type;
    case 'array': {
      const item = substitute(type.item, known);
      return item === type.item ? type : { kind: 'array', item };
    }
    case 'map': {
      const key = substitute(type.key, known);
      const value = substitute(type.value, known);
      return key === type.key && value === type.value ? type : { kind: 'map', key, value };
    }
    case 'optional':
      return optionalOf(substitute(type.inner, known));
    case 'object':
      return {
        kind: 'object',
        fields: type.fields.map((field) => ({ ...field, type: substitute(field.type, known) })),
      };
    default:
      return type;
  }
}
