import{a as t}from"./chunk-JPNBYL37.js";var o=t;export{o as ar};
