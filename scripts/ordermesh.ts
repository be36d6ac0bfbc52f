#!/usr/bin/env node
import { keepPrivate } from '../mesh/processes/keep-private.ts';
import { actionsCommand } from './ordermesh/actions.ts';
import { auditCommand } from './ordermesh/audit.ts';
import { callCommand } from './ordermesh/call/call.ts';
import { describeCommand, listCommand } from './ordermesh/call/describe.ts';
import { runCli } from './ordermesh/cli.ts';
import { compactCommand } from './ordermesh/compact.ts';
import { damagedCommand } from './ordermesh/damaged/damaged.ts';
import { deadLettersCommand } from './ordermesh/dead-letters/dead-letters.ts';
import { orderCommand } from './ordermesh/order.ts';
import { rebuildCommand } from './ordermesh/rebuild.ts';
import { replayCommand } from './ordermesh/replay.ts';
import { statusCommand } from './ordermesh/status/status.ts';
import { verifyParticipantCommand } from './ordermesh/verify-participant/verify-participant.ts';

// `compact` writes databases.
keepPrivate();

// Whoever reads the output may stop early, as `head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

process.exitCode = await runCli(
  [
    statusCommand,
    orderCommand,
    deadLettersCommand,
    replayCommand,
    rebuildCommand,
    auditCommand,
    actionsCommand,
    damagedCommand,
    compactCommand,
    callCommand,
    listCommand,
    describeCommand,
    verifyParticipantCommand,
  ],
  process.argv.slice(2),
);
