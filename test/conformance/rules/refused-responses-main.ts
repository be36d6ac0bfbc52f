import { engineNames } from '../../../mesh/engines/engines.ts';
import { get, RuleServer } from './client-rule.ts';
import { http2ClientRules } from './http2-client-rules.ts';

// Makes calls on an engine, the argument, to servers whose responses break the rules, and does little else.

const engine = engineNames.find((name) => name === process.argv[2]);
if (engine === undefined) throw new Error(`the argument is none of the engines ${engineNames.join(', ')}`);
const calls = Array.from({ length: 20 }, () => http2ClientRules)
  .flat()
  .values();
const caller = async () => {
  for (const rule of calls) {
    await using server = await RuleServer.start(rule);
    await get(engine, server.address, rule.kind);
  }
};
await Promise.all(Array.from({ length: 8 }, caller));
