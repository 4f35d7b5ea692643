import { effect } from "@preact/signals";
import { t, useTexts } from "../i18n";
import { home as en } from "../i18n/en/home";
import { home as zhCN } from "../i18n/zh-CN/home";
import { startPage } from "../ui/page";
import { HomePage } from "./app";

useTexts({ en, "zh-CN": zhCN });
startPage(<HomePage />);
effect(() => {
  document.title = `${t("app.name")} · ${t("home.title")}`;
});
