// The standard library as signatures: the one list that the checker reads, the engine implements and the docs print.
// In signatures, T, U, K and V are whatever the receiver and the arguments make them; `=` after a parameter: optional.
// A property has no parentheses. Specification 2.11 where it is readable; the rest is ours.

/** Receiver type → member → signature. */
export const METHODS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  string: {
    length: 'int',
    lower: '() string',
    upper: '() string',
    trim: '() string',
    trim_start: '() string',
    trim_end: '() string',
    contains: '(sub: string) bool',
    starts_with: '(prefix: string) bool',
    ends_with: '(suffix: string) bool',
    replace: '(old: string, new: string) string',
    replace_first: '(old: string, new: string) string',
    split: '(separator: string) array[string]',
    slice: '(start: int, end: int =) string',
    index_of: '(sub: string) int?',
    pad_start: '(length: int, fill: string =) string',
    pad_end: '(length: int, fill: string =) string',
    repeat: '(count: int) string',
    matches: '(pattern: string) bool',
    is_empty: '() bool',
    to_int: '() int?',
    to_float: '() float?',
  },
  array: {
    length: 'int',
    first: 'T?',
    last: 'T?',
    is_empty: '() bool',
    map: '(fn: (T, int) => U) array[U]',
    filter: '(fn: (T, int) => bool) array[T]',
    reduce: '(initial: U, fn: (U, T) => U) U',
    find: '(fn: (T) => bool) T?',
    find_index: '(fn: (T) => bool) int?',
    any: '(fn: (T) => bool) bool',
    all: '(fn: (T) => bool) bool',
    none: '(fn: (T) => bool) bool',
    count: '(fn: (T) => bool =) int',
    sum: '(fn: (T) => U =) U', // of numbers: the type of the items, or of what fn gives
    min: '(fn: (T) => U =) T?', // the item itself, by itself or by what fn gives
    max: '(fn: (T) => U =) T?',
    avg: '(fn: (T) => U =) float?',
    sort: '() array[T]',
    sort_by: '(fn: (T) => U) array[T]',
    reverse: '() array[T]',
    slice: '(start: int, end: int =) array[T]',
    take: '(count: int) array[T]',
    skip: '(count: int) array[T]',
    concat: '(other: array[T]) array[T]',
    push: '(item: T) array[T]',
    contains: '(item: T) bool',
    index_of: '(item: T) int?',
    join: '(separator: string =) string',
    unique: '() array[T]',
    flatten: '() U', // of array[array[U]]: array[U]
    flat_map: '(fn: (T) => array[U]) array[U]',
    group_by: '(fn: (T) => string) map[string, array[T]]',
    zip: '(other: array[U]) array[{ left: T, right: U }]',
    chunk: '(size: int) array[array[T]]',
  },
  map: {
    length: 'int',
    keys: '() array[K]',
    values: '() array[V]',
    entries: '() array[{ key: K, value: V }]',
    get: '(key: K) V?',
    has: '(key: K) bool',
    set: '(key: K, value: V) map[K, V]',
    remove: '(key: K) map[K, V]',
    merge: '(other: map[K, V]) map[K, V]',
    map_values: '(fn: (V) => U) map[K, U]',
    is_empty: '() bool',
  },
  int: { abs: '() int', to_string: '() string', to_float: '() float', clamp: '(low: int, high: int) int' },
  float: {
    abs: '() float',
    round: '(digits: int =) float',
    floor: '() int',
    ceil: '() int',
    to_string: '() string',
    to_int: '() int',
    clamp: '(low: float, high: float) float',
  },
  money: {
    abs: '() money',
    round: '(digits: int =) money',
    to_float: '() float',
    to_string: '() string',
    format: '(digits: int =) string',
  },
  bool: { to_string: '() string' },
  date: {
    year: 'int',
    month: 'int',
    day: 'int',
    weekday: 'int', // 1 Monday to 7 Sunday
    plus_days: '(days: int) date',
    days_until: '(other: date) int',
    to_string: '() string',
    at_start: '() datetime',
  },
  datetime: {
    year: 'int',
    month: 'int',
    day: 'int',
    hour: 'int',
    minute: 'int',
    second: 'int',
    date: 'date',
    plus: '(by: duration) datetime',
    minus: '(by: duration) datetime',
    since: '(earlier: datetime) duration',
    to_string: '() string',
  },
  duration: {
    seconds: 'float',
    minutes: 'float',
    hours: 'float',
    days: 'float',
    milliseconds: 'int',
    to_string: '() string',
  },
};

/** Pure functions by full name. */
export const FUNCTIONS: Readonly<Record<string, string>> = {
  'math.abs': '(x: float) float',
  'math.min': '(a: U, b: U) U',
  'math.max': '(a: U, b: U) U',
  'math.floor': '(x: float) int',
  'math.ceil': '(x: float) int',
  'math.round': '(x: float, digits: int =) float',
  'math.sqrt': '(x: float) float',
  'math.pow': '(x: float, y: float) float',
  'math.clamp': '(x: U, low: U, high: U) U',
  'json.parse': '(text: string) dynamic',
  'json.stringify': '(value: dynamic) string',
  int: '(value: dynamic) int', // of text or a number; fails on what is none
  float: '(value: dynamic) float',
  string: '(value: dynamic) string',
  bool: '(value: dynamic) bool',
  money: '(value: dynamic) money',
  date: '(value: string) date',
  datetime: '(value: string) datetime',
  duration: '(value: string) duration', // "90s", "1h"
  range: '(start: int, end: int =) array[int]', // range(3) is 0, 1, 2
  fail: '(message: string) never', // ends with FailError
};

/** Not deterministic: asked of the host, refused in @rigid (E400). */
export const HOST_FUNCTIONS: Readonly<Record<string, string>> = {
  now: '() datetime',
  today: '() date',
  random: '() float', // in [0, 1)
  random_int: '(low: int, high: int) int', // low and high included
  uuid: '() uuid',
  log: '(message: dynamic, level: string =) null',
};
