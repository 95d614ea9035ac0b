import{a}from"./chunk-JPNBYL37.js";export{a as en};
