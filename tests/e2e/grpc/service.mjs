/** A service without schema: messages are plain bytes. Shared by the server and the client of the gRPC tests. */
const asIs = (message) => message;

function method(name, requestStream, responseStream) {
  return {
    path: `/opsen.Test/${name}`,
    requestStream,
    responseStream,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
}

export const service = {
  unary: method("Unary", false, false),
  fail: method("Fail", false, false),
  hang: method("Hang", false, false),
  download: method("Download", false, true),
  upload: method("Upload", true, false),
  chat: method("Chat", true, true),
};
