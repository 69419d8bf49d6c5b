#!/usr/bin/env node
import { runProgram } from './program.ts';
import { runMain } from './system-cli.ts';

await runMain(runProgram);
