import { describe, expect, it } from 'vitest';
import { judgeConnectFault, judgeFault } from './reply-codes.ts';

const kinds = {
  wait: [200, 312, 313, 320, 404, 506, 541, 0, 299],
  wiring: [402, 403, 405, 406, 501, 502, 503, 504, 505, 530, 540],
  message: [311],
};

describe('a reply code of AMQP', () => {
  it.each(Object.entries(kinds).flatMap(([kind, codes]) => codes.map((code) => [code, kind] as const)))(
    '%i is of the kind "%s"',
    (code, kind) => {
      expect(judgeFault(Object.assign(new Error('no'), { code }))).toMatchObject({ kind, code });
    },
  );

  it('is found in the text of a connection that is refused', () => {
    const refused = new Error('Handshake terminated by server: 403 (ACCESS-REFUSED) with message "login refused"');
    expect(judgeFault(refused)).toMatchObject({ kind: 'wiring', code: 403 });
    expect(judgeFault(refused).text).toContain('check user, password and permissions of TASKS_URL');
  });

  it('406 is about the message when a publish is answered with it', () => {
    const tooLarge = Object.assign(new Error('message size 9 is larger than configured max size 8'), {
      code: 406,
      classId: 60,
      methodId: 40,
    });
    expect(judgeFault(tooLarge).kind).toBe('message');
  });

  it('is missing where there was no answer', () => {
    expect(judgeFault(new Error('connect ECONNREFUSED 127.0.0.1:5672'))).toMatchObject({ kind: 'wait', code: 0 });
  });
});

describe('a connection to RabbitMQ', () => {
  it('that is refused for its vhost names the vhost and what to do', () => {
    const error = new Error('Expected ConnectionOpenOk; got <ConnectionClose channel:0>');
    const judge = (url: string) => judgeConnectFault(error, new URL(url));
    const textOf = (url: string) => judge(url).text;
    expect(judge('amqp://h')).toMatchObject({ kind: 'wiring', code: 530 });
    expect(textOf('amqp://guest:s3cret@h:5672/no%2Fsuch')).toMatch(/^vhost no\/such was refused \(530 .*fix TASKS_URL/);
    expect(textOf('amqp://guest:s3cret@h')).toMatch(/^vhost \/ was refused/);
    expect(textOf('amqp://guest:s3cret@h')).not.toContain('s3cret');
  });

  it('that cannot be opened says to check that RabbitMQ runs', () => {
    const text = (message: string) => judgeConnectFault(new Error(message), new URL('amqp://h')).text;
    expect(text('connect ECONNREFUSED 127.0.0.1:5672')).toMatch(
      /^connect ECONNREFUSED 127.0.0.1:5672; check that RabbitMQ of TASKS_URL runs/,
    );
    expect(text('Handshake terminated by server: 403 (ACCESS-REFUSED)')).not.toContain('runs');
  });
});
