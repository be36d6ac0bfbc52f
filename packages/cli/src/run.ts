import { callingCommands } from '../../../scripts/ordermesh/commands.ts';
import { runProgram } from '../../../scripts/ordermesh/run-program.ts';

// Without `damaged` and `compact`: they work on the files of a stopped mesh, with the version that wrote them.
await runProgram(callingCommands);
