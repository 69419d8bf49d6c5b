#!/usr/bin/env node
import { runMain } from '../system-cli.ts';
import { runScaicore } from './program.ts';

// A flow may compute for minutes without a pause, and files are written whole: a signal ends the process at once.
await runMain(runScaicore, { isAskedToStop: false });
