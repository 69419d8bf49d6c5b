// Every coded error that leaves Granary. Codes are never reused. The tables in the docs are generated from this file.

export interface ErrorSpec {
  /** HTTP status of a reply with this code. */
  readonly http: number;
  /** `none`: surely not executed. `unknown`: it may have been; look before you try again. */
  readonly effect: 'none' | 'unknown';
  /** Whether the details may leave the process; if not, they are only logged, under the request id. */
  readonly public: boolean;
  /** Whether the same request would be refused again. Events refused so are nacked; others are tried again. */
  readonly lasting: boolean;
  /** What it means and what to do, in a sentence or two. */
  readonly help: string;
}

const lasting = { effect: 'none', public: true, lasting: true } as const;
const temporary = { effect: 'none', public: true, lasting: false } as const;
const hidden = { effect: 'unknown', public: false, lasting: false } as const;

export const ERRORS = {
  ERR_ACTIVATION_FAILED: {
    http: 503,
    ...temporary,
    help: 'The grain could not be activated; it is held back for a growing delay. Try again after retry_after_ms; the log has the cause.',
  },
  ERR_AUTH_FORBIDDEN: { http: 403, ...lasting, help: 'The token is valid but does not give this right.' },
  ERR_AUTH_ORIGIN: {
    http: 403,
    ...lasting,
    help: 'Without a token only the hosts localhost, 127.0.0.1 and [::1] and allow-listed origins are accepted. Set a token, or list the origin.',
  },
  ERR_AUTH_REQUIRED: {
    http: 401,
    ...lasting,
    help: 'Send a valid bearer token in the Authorization header, or in the hello frame.',
  },
  ERR_BODY_INVALID: {
    http: 400,
    ...lasting,
    help: 'The body is not what the content type says. The details tell where it went wrong.',
  },
  ERR_BODY_TOO_LARGE: { http: 413, ...lasting, help: 'The body is larger than the limit in the details.' },
  ERR_BODY_TYPE: { http: 415, ...lasting, help: 'Send the body as application/json.' },
  ERR_BUNDLE_INVALID: {
    http: 400,
    ...lasting,
    help: 'This is no bundle of a program that can be run here. The message names the place that is wrong.',
  },
  ERR_CALL_CANCELLED: {
    http: 499,
    effect: 'unknown',
    public: true,
    lasting: false,
    help: 'The caller cancelled while the flow was running; its memory may have been committed.',
  },
  ERR_CALL_CYCLE: {
    http: 508,
    ...lasting,
    help: 'The call would wait for an activation that waits for it (see the chain in the details). Make the Core reentrant, or the flow readonly, or break the cycle.',
  },
  ERR_CALL_EXPIRED: {
    http: 504,
    ...temporary,
    help: 'The deadline passed before the flow started. Try again with a longer deadline.',
  },
  ERR_CALL_TIMEOUT: {
    http: 504,
    effect: 'unknown',
    public: true,
    lasting: false,
    help: 'The deadline passed while the flow was running. Look before you try again, or bring a command id.',
  },
  ERR_CAPACITY_CHAIN: {
    http: 429,
    ...temporary,
    help: 'Calls that already hold activations of this Core have used up the room above max_active_instances.',
  },
  ERR_CAPACITY_FULL: {
    http: 429,
    ...temporary,
    help: 'The silo hosts as many activations as it may. Try again later, or raise maxActiveInstances.',
  },
  ERR_CHECKPOINT_MISMATCH: {
    http: 409,
    ...lasting,
    help: 'The program changed since this execution was suspended, so that it cannot be gone on with. Run the version that it began with.',
  },
  ERR_CHECKPOINT_UNKNOWN: {
    http: 404,
    ...lasting,
    help: 'There is no such checkpoint here: it was resolved, it expired or was cancelled, or it belongs to another instance.',
  },
  ERR_CLIENT_CLOSED: {
    http: 499,
    ...lasting,
    help: 'The client was closed before this was sent.',
  },
  ERR_CLUSTER_FAILED: {
    http: 503,
    effect: 'none',
    public: true,
    lasting: false,
    help: 'The process could not join the cluster; the message says what stood in its way.',
  },
  ERR_COMMAND_CONFLICT: {
    http: 409,
    ...lasting,
    help: 'This command id was used with another input. Use a new id for a new command.',
  },
  ERR_CONFIG_INVALID: {
    http: 500,
    ...lasting,
    help: 'A setting is unknown or out of range; the details name it and the nearest valid one.',
  },
  ERR_CONNECTION_FAILED: {
    http: 503,
    ...temporary,
    help: 'The client has no connection to the gateway; the message says why. What waited for one was not sent.',
  },
  ERR_CONNECTION_LOST: {
    http: 503,
    effect: 'unknown',
    public: true,
    lasting: false,
    help: 'The connection was lost after this was sent and before its outcome came. Look before you try again, or bring a command id.',
  },
  ERR_CORE_FILE: {
    http: 500,
    ...lasting,
    help: 'A file of Cores could not be loaded; the message has the place and the problem.',
  },
  ERR_CORE_INVALID: {
    http: 500,
    ...lasting,
    help: 'The Core definition breaks a rule; the details say which.',
  },
  ERR_CORE_UNKNOWN: {
    http: 404,
    ...lasting,
    help: 'No Core of that name is loaded; GET /v1/cores lists them.',
  },
  ERR_CORES_MISSING: {
    http: 500,
    ...lasting,
    help: 'No file of Cores was named, or none of them exports one. Name a file: `granary dev counter.ts`.',
  },
  ERR_CURSOR_INVALID: { http: 400, ...lasting, help: 'The cursor is not one that this service gave out.' },
  ERR_EVENT_GAP: {
    http: 409,
    ...temporary,
    help: 'An earlier event of the session has not arrived at the grain. The gateway sends again from there; clients do not see this.',
  },
  ERR_EVENT_UNKNOWN: {
    http: 404,
    ...lasting,
    help: 'The Core has no such event; its `events` map names them.',
  },
  ERR_FILE_UNREADABLE: {
    http: 500,
    ...lasting,
    help: 'A file or folder that was named cannot be read; the message says which and why.',
  },
  ERR_FILE_UNWRITABLE: {
    http: 500,
    ...lasting,
    help: 'A file that was named cannot be written; the message says which and why.',
  },
  ERR_FLOW_FAILED: {
    http: 500,
    effect: 'none',
    public: true,
    lasting: true,
    help: 'The flow threw. Its turn left nothing in memory; calls that it made to others are not undone.',
  },
  ERR_FLOW_REFUSED: {
    http: 422,
    ...lasting,
    help: 'The flow refused this by ctx.refuse; the message and the details are its own. Its turn left nothing.',
  },
  ERR_FLOW_UNKNOWN: {
    http: 404,
    ...lasting,
    help: 'The Core has no such flow; GET /v1/cores/{core} lists them.',
  },
  ERR_FRAME_INVALID: {
    http: 400,
    ...lasting,
    help: 'The frame breaks the protocol; the details name what is wrong.',
  },
  ERR_FRAME_TOO_LARGE: {
    http: 413,
    ...lasting,
    help: 'The frame is larger than max_frame_bytes of the welcome.',
  },
  ERR_GATEWAY_BUSY: {
    http: 503,
    ...temporary,
    help: 'The gateway has as many requests open as it may. Try again after retry_after_ms, or at another gateway.',
  },
  ERR_GRAIN_MOVED: {
    http: 503,
    ...temporary,
    help: 'The activation ended while the message waited. Try again.',
  },
  ERR_HEADERS_TOO_LARGE: {
    http: 431,
    ...lasting,
    help: 'The request line and the headers together are larger than the gateway takes.',
  },
  ERR_INPUT_INVALID: {
    http: 400,
    ...lasting,
    help: 'The input does not fit the schema of the flow; the details list the issues.',
  },
  ERR_INTERNAL: {
    http: 500,
    ...hidden,
    help: 'Something broke on our side. The log has the cause under the request id.',
  },
  ERR_KEY_INVALID: {
    http: 400,
    ...lasting,
    help: 'Keys are strings of 1 to 512 UTF-8 bytes without control characters.',
  },
  ERR_KEY_MISMATCH: {
    http: 400,
    ...lasting,
    help: 'The key of the request differs from the entity key in the input.',
  },
  ERR_KEY_REQUIRED: {
    http: 400,
    ...lasting,
    help: 'The Core is one instance per entity: name the key, or give the entity key in the input.',
  },
  ERR_LETTER_UNKNOWN: {
    http: 404,
    ...lasting,
    help: 'There is no dead letter of that id: it was delivered, deleted, or dropped because the Core had too many.',
  },
  ERR_LIMIT_RATE: {
    http: 429,
    ...temporary,
    help: 'Too many requests from this client. Try again after retry_after_ms.',
  },
  ERR_LIMIT_REACHED: {
    http: 429,
    ...temporary,
    help: 'A limit of the connection is reached (open calls, or subscriptions); the details name it.',
  },
  ERR_LINK_FULL: {
    http: 503,
    ...temporary,
    help: 'More calls wait on the way to the silo than may. Try again after retry_after_ms, or add silos.',
  },
  ERR_LINK_INVALID: {
    http: 400,
    ...lasting,
    help: 'What came over a link between processes was not of the protocol; the link was closed. Look for a wrong secret, another version, or a stranger on the port.',
  },
  ERR_LINK_LOST: {
    http: 503,
    effect: 'unknown',
    public: true,
    lasting: false,
    help: 'The silo that had the call was lost before its answer came. Look before you try again, or bring a command id.',
  },
  ERR_LISTEN_FAILED: {
    http: 500,
    ...lasting,
    help: 'The gateway cannot listen on its address; the message says why and what to do.',
  },
  ERR_MAILBOX_FULL: {
    http: 429,
    ...temporary,
    help: 'Too many messages wait for this grain. Try again later.',
  },
  ERR_MEMORY_READONLY: {
    http: 500,
    ...lasting,
    help: 'A readonly flow tried to change memory. Take `readonly: true` away, or do not write.',
  },
  ERR_METHOD_UNKNOWN: { http: 405, ...lasting, help: 'This path does not take that method.' },
  ERR_OPTION_INVALID: {
    http: 500,
    ...lasting,
    help: 'An option is out of range; the details show it and the rule.',
  },
  ERR_OUTPUT_INVALID: {
    http: 500,
    ...lasting,
    help: 'The flow returned something that is not the JSON data model, or does not fit its output schema. The turn left nothing.',
  },
  ERR_OUTPUT_TOO_LARGE: {
    http: 500,
    effect: 'unknown',
    public: true,
    lasting: false,
    help: 'The flow ran, and what it returned is larger than what may go from process to process; the details have the limit.',
  },
  ERR_PATH_UNKNOWN: {
    http: 404,
    ...lasting,
    help: 'There is nothing at this path; /openapi.json lists what there is.',
  },
  ERR_REMINDER_INVALID: {
    http: 500,
    ...lasting,
    help: 'The reminder or timer breaks a rule; the details say which.',
  },
  ERR_REQUEST_INVALID: {
    http: 400,
    ...lasting,
    help: 'The request line, a header or a query parameter is not valid; the message names which and the rule.',
  },
  ERR_REQUEST_TIMEOUT: {
    http: 408,
    ...temporary,
    help: 'The request did not arrive completely in time.',
  },
  ERR_ROUTE_FAILED: {
    http: 503,
    ...temporary,
    help: 'No silo took the message: none hosts the Core now, or the grain was moving. Try again after retry_after_ms.',
  },
  ERR_SCHEMA_NEWER: {
    http: 503,
    ...temporary,
    help: 'The memory of this grain was written by a newer schema of the Core. Run that version.',
  },
  ERR_SESSION_LOST: {
    http: 410,
    effect: 'unknown',
    public: true,
    lasting: true,
    help: 'The session is unknown or expired: a new one starts, and unacknowledged events have an unknown outcome.',
  },
  ERR_SESSION_REPLACED: { http: 409, ...lasting, help: 'A newer connection took over this session.' },
  ERR_SILO_DRAINING: {
    http: 503,
    ...temporary,
    help: 'The silo is stopping. Try again: another one, or its successor, will take the call.',
  },
  ERR_SOURCE_INVALID: {
    http: 400,
    ...lasting,
    help: 'The source does not compile. details.diagnostics lists what is wrong, with places and codes.',
  },
  ERR_STORE_CORRUPT: {
    http: 503,
    ...temporary,
    help: 'The data folder has a damaged file. Restore a copy, or move the folder away to begin anew; the details name the file.',
  },
  ERR_STORE_FAILED: {
    http: 503,
    effect: 'unknown',
    public: true,
    lasting: false,
    help: 'The store did not say whether the commit took effect. Look before you try again, or bring a command id.',
  },
  ERR_STORE_FENCED: {
    http: 503,
    ...temporary,
    help: 'Another activation owns the grain now; this one ended without committing. Try again.',
  },
  ERR_STORE_FULL: {
    http: 507,
    ...temporary,
    help: 'The disk is full: nothing of this turn was stored. Make room, then try again.',
  },
  ERR_STORE_LOCKED: {
    http: 503,
    ...temporary,
    help: 'Another process uses this data folder. Stop it, or choose another folder with --data.',
  },
  ERR_STORE_LOST: {
    http: 503,
    ...temporary,
    help: 'The store lost data that it had acknowledged. Decide on_data_loss: refuse or start_empty.',
  },
  ERR_STORE_NEWER: {
    http: 503,
    ...temporary,
    help: 'A newer version of Granary wrote this data folder. Run that version, or choose another folder with --data.',
  },
  ERR_STORE_UNAVAILABLE: {
    http: 503,
    ...temporary,
    help: 'The store cannot be reached now, and nothing was written. Try again after retry_after_ms.',
  },
  ERR_STORE_UNSAFE: {
    http: 503,
    ...temporary,
    help: 'The store is set up so that it may drop data by itself; the message names the setting to change.',
  },
  ERR_TURN_CONFLICT: {
    http: 409,
    ...temporary,
    help: 'Overlapping turns wrote the same field twice in a row. Try again, or lower maxConcurrent.',
  },
  ERR_TURN_ENDED: {
    http: 500,
    ...lasting,
    help: 'The flow used its ctx after its turn had ended. Await everything that the flow starts.',
  },
  ERR_TURN_TIMEOUT: {
    http: 504,
    effect: 'none',
    public: true,
    lasting: true,
    help: 'The turn ran past its time limit and was given up; nothing of it is stored. Raise timeLimitMs for slow flows.',
  },
  ERR_UPGRADE_REQUIRED: {
    http: 426,
    ...lasting,
    help: 'This path is a WebSocket: connect with the subprotocol granary.v1+json or granary.v1+msgpack.',
  },
  ERR_URL_TOO_LONG: { http: 414, ...lasting, help: 'The URL is longer than the gateway takes.' },
  ERR_VALUE_INVALID: {
    http: 400,
    ...lasting,
    help: 'Values are the JSON data model and bytes; the details name the path of what is not.',
  },
} as const satisfies Record<string, ErrorSpec>;

export type ErrorCode = keyof typeof ERRORS;

export function errorSpec(code: ErrorCode): ErrorSpec {
  return ERRORS[code];
}

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERRORS, text);
}
