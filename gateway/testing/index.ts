// `granary/testing`: Cores under test, without sockets, files or sleeps.
export { FakeClock, SeededRng } from '../../lib/index.ts';
export { type CallAs, TestHost, testHost, type TestHostOptions } from './test-host.ts';
