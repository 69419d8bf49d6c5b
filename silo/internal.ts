// For tests and benches: parts of the silo that nobody outside needs.
export * from './reminders/schedule.ts';
export type * from './storage/grain-storage.ts';
export type * from './cluster-client.ts';
export { EmissionHub, type EmissionHubOptions } from './emissions/emission-hub.ts';
