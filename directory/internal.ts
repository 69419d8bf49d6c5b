// What the tests may look at besides index.ts.
export { loadedScripts } from './redis/redis-script.ts';
export { hashTag, slotOf } from './redis/redis-slots.ts';
export { RespReader } from './redis/resp-reader.ts';
export { RespWriter } from './redis/resp-writer.ts';
