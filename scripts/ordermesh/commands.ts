import { actionsCommand } from './actions.ts';
import { auditCommand } from './audit.ts';
import { callCommand } from './call/call.ts';
import { describeCommand, listCommand } from './call/describe.ts';
import type { Command } from './cli.ts';
import { deadLettersCommand } from './dead-letters/dead-letters.ts';
import { orderCommand } from './order.ts';
import { rebuildCommand } from './rebuild.ts';
import { replayCommand } from './replay.ts';
import { statusCommand } from './status/status.ts';
import { verifyParticipantCommand } from './verify-participant/verify-participant.ts';

/** The commands that only call a mesh, so they work from any machine. */
export const callingCommands: readonly Command[] = [
  statusCommand,
  orderCommand,
  deadLettersCommand,
  replayCommand,
  rebuildCommand,
  auditCommand,
  actionsCommand,
  callCommand,
  listCommand,
  describeCommand,
  verifyParticipantCommand,
];
