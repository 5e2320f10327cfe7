/** What `npm start` prints once the cluster is up. Every command in it works as it stands. */

export function whatToTry(port: number): string {
  const url = `http://localhost:${port}`;
  // More than the fastest one has cores, so that some must go elsewhere.
  const requests = 2 * navigator.hardwareConcurrency;
  const json = "-H 'Content-Type: application/json'";
  return `
Opsen is running on ${url} with three backends. Ctrl-C stops everything.

A proxied request goes to the fastest backend that has room for it:
  curl ${url}/
Each holds a core until it is answered; what finds none free goes to the next:
  for i in $(seq ${requests}); do curl -s '${url}/?delay_ms=2000' & done; wait
A user in Tokyo is served from there, whatever the speed:
  curl ${url}/echo ${json} -d '{"tier":"lite","client_lat":35.7,"client_lon":139.7}'
A stream of events:
  curl -N ${url}/events

All of it in a browser, as it happens:
  ${url}/console
The backends, as their agents report them:
  curl ${url}/clients
Where to send a request without the proxy:
  curl ${url}/route ${json} -d '{"tier":"lite"}'
Why a backend is chosen or not, by its figures (nobody here has a GPU):
  curl ${url}/route/explain ${json} -d '{"tier":"gpu-inference"}'

The server reads tools/cluster/server.yml; database and agents keep their state in data/.
Below are its lines, one for each request (those of the agents' reports are left out).
With a file of your own: npm start -- -config my.yml
`;
}
