import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ClientError, createClient, Status } from '../index.ts';
import { channelTo, serveTexts, textsAt } from '../testing/serve-texts.ts';
import { Texts } from '../testing/texts.ts';

describe('the error of a call', () => {
  it('names the option that limits a message, and its side', async () => {
    const { port } = await serveTexts({}, { 'grpc.max_receive_message_length': 10, 'grpc.max_send_message_length': 5 });
    await expect(textsAt(port).one({ text: '12345678901' })).rejects.toThrow(
      /RESOURCE_EXHAUSTED: .*larger than 10 bytes: .* raise grpc.max_receive_message_length of the server$/,
    );
    await expect(textsAt(port).one({ text: '123456' })).rejects.toThrow(
      /RESOURCE_EXHAUSTED: response message has 6 bytes, more than 5: .* raise grpc.max_send_message_length of the server$/,
    );
    const narrow = textsAt(port, { 'grpc.max_receive_message_length': 3 });
    await expect(narrow.one({ text: '1234' })).rejects.toThrow(
      /RESOURCE_EXHAUSTED: .*larger than 3 bytes: raise grpc.max_receive_message_length of the channel, /,
    );
    const all = Array.fromAsync(narrow.many({ text: '1234' }));
    await expect(all).rejects.toThrow('raise grpc.max_receive_message_length of the channel');
    expect(await narrow.one({ text: '123' })).toEqual({ text: '123' });
  });

  it('is a ClientError if the client sends too much', async () => {
    const { port } = await serveTexts();
    const narrow = textsAt(port, { 'grpc.max_send_message_length': 2 });
    const error = await narrow.one({ text: '123' }).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(ClientError);
    expect(error).toMatchObject({
      code: Status.RESOURCE_EXHAUSTED,
      details: expect.stringMatching(/^request message has 3 bytes, .* grpc.max_send_message_length of the channel$/),
    });
  });

  it('shows nothing of the engine', async () => {
    const { port } = await serveTexts();
    const definition = { missing: { ...Texts.one, path: '/test.v1.Texts/Missing' } };
    const call = createClient(definition, channelTo(port)).missing({ text: '' });
    const error = await call.catch((cause: unknown) => cause);
    expect(error).toMatchObject({ name: 'ClientError', constructor: ClientError, code: Status.UNIMPLEMENTED });
    expect(inspect(error)).toMatch(/^ClientError: /);
    expect(inspect(error)).not.toMatch(/TransportError|unsent|unimplemented:|tooLarge/);
  });
});
