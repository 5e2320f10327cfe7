/** What `npm start` prints once the cluster is up. Every command in it works as it stands. */

export function whatToTry(port: number): string {
  const url = `http://localhost:${port}`;
  const json = "-H 'Content-Type: application/json'";
  return `
Opsen is running on ${url} with three backends. Ctrl-C stops everything.

A proxied request goes to the fastest backend that has room for it:
  curl ${url}/
Several at a time: each holds a core until it is answered, so they spread:
  for i in 1 2 3 4 5 6; do curl -s '${url}/?delay_ms=2000' & done; wait
A user in Tokyo is served from there:
  curl ${url}/echo ${json} -d '{"tier":"lite","client_lat":35.7,"client_lon":139.7}'
A stream of events:
  curl -N ${url}/events

The backends, as their agents report them:
  curl ${url}/clients
Where to send a request without the proxy:
  curl ${url}/route ${json} -d '{"tier":"lite"}'
Why a backend is chosen or not, by its figures (nobody here has a GPU):
  curl ${url}/route/explain ${json} -d '{"tier":"gpu-inference"}'

The server reads tools/cluster/server.yml; database and agents keep their state in data/.
With a file of your own: npm start -- -config my.yml
`;
}
