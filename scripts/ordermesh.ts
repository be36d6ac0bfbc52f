#!/usr/bin/env node
import { keepPrivate } from '../mesh/processes/keep-private.ts';
import { callingCommands } from './ordermesh/commands.ts';
import { compactCommand } from './ordermesh/compact.ts';
import { damagedCommand } from './ordermesh/damaged/damaged.ts';
import { runProgram } from './ordermesh/run-program.ts';

// `compact` writes databases.
keepPrivate();

await runProgram([...callingCommands, damagedCommand, compactCommand]);
