/** Files that the build has made, imported with `type: "file"`: the path of the file inside the executable. */
declare module "#console/*" {
  const path: string;
  export default path;
}
