#!/usr/bin/env node
import { runMain } from '../system-cli.ts';
import { runScaicore } from './program.ts';

await runMain(runScaicore);
