import { expect, it } from 'vitest';
import { readAnswer } from './read-answer.ts';

const read = (text: string, isToHead = false) => readAnswer(Buffer.from(text), isToHead);

it('reads an answer with its length, or in chunks', () => {
  const whole = { status: 200, text: 'abc', isWhole: true };
  expect(read('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc')).toMatchObject(whole);
  expect(read('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n')).toMatchObject(
    whole,
  );
});

it.each([
  ['HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab', 'ab'],
  ['HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n', 'a'],
  ['HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n2', 'a'],
])('knows that an answer is cut off', (text, body) => {
  expect(read(text)).toMatchObject({ text: body, isWhole: false });
});

it('expects no body after HEAD', () => {
  expect(read('HTTP/1.1 404 Not Found\r\ncontent-length: 3\r\n\r\n', true)).toMatchObject({
    status: 404,
    isWhole: true,
  });
});

it('refuses what is no answer', () => {
  expect(() => read('')).toThrow('not an answer');
});
