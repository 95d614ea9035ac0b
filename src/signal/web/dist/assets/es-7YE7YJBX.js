import{a as e}from"./chunk-JPNBYL37.js";var o=e;export{o as es};
