import { describe, expect, it } from 'vitest';
import { ErrorCode } from '../../mesh/engines/native/http2/codec/frames.ts';
import { attackedServer } from './support/attack.ts';
import { readCorpus } from './support/corpus.ts';
import { byteByByte } from './support/pieces.ts';
import { RawPeer } from './support/raw-peer.ts';
import { recordConnection } from './support/recorded-connection.ts';
import { wires } from './support/wire.ts';

const inputs = readCorpus();
const codeNames = Object.keys(ErrorCode);

describe.each(wires)('a server that receives hostile input, over %s', (wire) => {
  const target = attackedServer('native', {}, wire);

  it.each(inputs)('handles $title', async ({ bytes, expects }) => {
    await target.attack(async (port) => {
      using peer = await RawPeer.connect(port, bytes);
      const served = await peer.isServed();
      const code = peer.goaway;
      expect(served ? 'served' : codeNames.find((name) => ErrorCode[name as keyof typeof ErrorCode] === code)).toBe(
        expects,
      );
    });
  });

  it.each(inputs)('handles $name the same byte by byte', async ({ bytes, expects }) => {
    const whole = await recordConnection([bytes]);
    expect(whole.ended).toBe(expects !== 'served');
    expect(await recordConnection(byteByByte(bytes))).toEqual(whole);
  });
});
