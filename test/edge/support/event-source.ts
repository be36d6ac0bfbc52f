// Runs with `node --experimental-eventsource`. Prints what an EventSource receives from a URL, one event in JSON a line, until `end`.

const [, , url = ''] = process.argv;
const source = new EventSource(url);
// While it waits to connect again, nothing else keeps the process alive.
const alive = setInterval(() => undefined, 1_000);

function print(event: string, { lastEventId, data }: Partial<MessageEvent> = {}): void {
  console.log(
    JSON.stringify({ event, id: lastEventId, data: typeof data === 'string' ? JSON.parse(data) : undefined }),
  );
}

source.addEventListener('open', () => print('open'));
source.addEventListener('message', (message) => print('message', message));
source.addEventListener('error', (error) => print('error', error as Partial<MessageEvent>));
source.addEventListener('end', (message) => {
  print('end', message as MessageEvent);
  source.close();
  clearInterval(alive);
});
