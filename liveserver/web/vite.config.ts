import { defineConfig } from "vite";

export default defineConfig({
  appType: "mpa",
  build: {
    // The content security policy allows nothing inline: no data: URLs, no inline preload script.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
    rollupOptions: { input: ["index.html", "watch.html", "studio.html"] },
  },
});
