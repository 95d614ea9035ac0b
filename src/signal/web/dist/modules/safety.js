// A module of Hilum's web client, MIT OR Apache-2.0. docs/embedding.md says how a page uses it.

// src/safety/words.ts
var TEXT = `
abacus abbey above absent absorb accent access acid acorn acre action active actor adapt adjust admire adobe
adrift adult advice aerial affair afford after agenda agent agile agree airport ajar alarm album alcove alert
algae algebra alike alloy almanac almond alone alpha alpine already also altitude aluminum always amaze amazing
amber ambient amigo among amount amulet amuse anatomy anchor ancient anemone angle animal annex announce annual
answer antenna anthem antique antler anvil anyone aorta apart appeal apply apricot april apron aqua aquatic arcade
arctic arena argue armchair armor aroma around arrival arrive artist ascend aside asleep aspect aspen asphalt
assist astute athlete atlas atom attach attend attic attract auburn audio august aura author auto autumn avenue
avocado avoid awake award away awesome awning axis axle azure baby backpack badger bagel bakery balance balcony
ballad ballet balloon balsa bamboo banana banjo banker barbecue barber barefoot bargain baritone bark barley
barrel basement basic basket bassoon batch baton battery bazaar beacon beak beaker beard beauty because become
bedroom beehive beetle before begin behave behind beige believe bell belong below beluga bench beneath benefit
beret beside best beyond bicycle billow bind binder bingo biology birch birdie birthday biscuit bison blanket
blazer blend blender blink blizzard block bloom blossom blouse bluff blush boat bobbin bobcat bold bonfire bonnet
bonus boost booth border borrow botany bottle bottom boulder bounce bouquet boutique bowl boxer bracelet bracket
brain branch brand brass brave breeze brew brick bridge brief bright brioche broad broccoli brochure bronze brook
brother brown bubble bucket buckle buddy budget buffalo buffet bugle build bulb bulletin bumper bundle bunk bunny
bureau burger busy butler button buyer buzz cabbage cabin cabinet cable cactus caddie cadet cafe calcium calendar
caliber call calypso camel camera camp canal candid candle candy cannery canoe canvas canyon capital captain
caption caramel caravan caraway carbon card cardinal cargo caribou carnival carol carpet carriage carrot cartoon
carve cascade cashew cashmere castle casual catalog category cauldron cedar celery cello cement census center
century ceramic certain chain chalk chamber champion change channel chapter charcoal chariot charm chase chat
cheddar cheek cheese cheetah cherry chess chestnut chick chicken chief child chime chimney china chip chisel
choice choir choose chorus chowder chrome chuckle chunk cicada cider cinema cinnamon cipher circle circus citizen
citrus city civil claim clarinet clasp clay clean clerk clever client cliff climate climb clinic cloak close cloth
cloud clown club cluster coach coast cobalt cobbler cobra cocoa coconut code coffee coil collar collect college
collie colony color column comb combine comedy comet comfort command common compact company compare compass
complete compose concert concrete conduct confetti confirm connect consider contact content control convoy cook
cookie copper copy coral corner correct corridor cosmic cosmos cotton cougar count country couple courage cousin
cover cowboy coyote crab cracker cradle craft crane crater crayon cream create credit cricket crimson crisp
crochet crocus crop crossing cruiser crumb crunch crystal cube cuckoo cucumber cuff culture cumin cupboard curator
curious curly cursor cushion custom cycle cymbal cypress dahlia daily dancer danube dapple daring dart data
daughter dawn daytime dazzle debate debut decade december decent decimal deck decline decorate deep defend define
degree deli delight deliver delta deluxe demand denim dense dentist depart depot depth deputy derby derive design
desire dessert detail detect detour develop device diagram dial diamond diary dice diesel diet digital dinner
diploma direct disco discover dish dishes display distance district ditto diver divide diving doctor dodge doll
dolphin domain dome domino donkey donor donut double downtown dozen dragon drama drape draw drawer dress drill
drink drizzle drum duchess duffel dugout duke duplex dusk duty duvet dynamo eager eagle eardrum early earth easy
ebony echo eclipse economy edit editor educate effect effort elastic elbow elder electric elegant element elephant
elevator eleven elite embark emblem emerald emotion emperor employ empty enable enamel encore endless energy
engine enjoy enlist enough ensure entire entry envelope epic episode equal equator equip ermine errand escape
escort espresso essay estate ether evening event evident evolve exact exam example exceed excite exhibit exist
exotic expand expect explain explore export express extend extra eyebrow fabric facade facet factory fade fairy
faith falcon family famous fancy fantasy farm farmer fashion fauna feast feather feature february federal feed
fellow felt fence fern ferret ferry fertile festival fiber fiction fiddle field fifteen fifty figure file filter
final finch finger finish first fitness fjord flag flake flamingo flannel flash flavor fleece fleet flexible
flight flint flip float floor floral florist fluffy fluid flute foal focus foggy folder folk foot football force
forest forget formal fortune forty forum forward fossil found fountain fourteen foyer fragment frame freckle free
freedom freezer freight frequent fresh friday friend fringe frisbee frog front frozen fruit fudge fuel fulfill
fully funnel furnace fuse future fuzzy gadget gala galaxy gallery gallon game garage garden gardenia garland
garlic gather gauge gazebo gazelle gear gecko general genius gentle genuine geology gerbil gesture geyser giant
gift giraffe give glacier glad glass glaze gleam glen glide glimpse glitter globe glory glossy glow glue gnome
goatee goblet goggle golden golf gondola good goose gopher gorilla gourmet govern gown grace grammar granite graph
grasp grateful gravel gravity gravy grease green grid griffin grocery group grove guava guess guitar gull guppy
gust habit haddock half halibut hammer hammock hamster hand hangar happen happy harbor hardly harmony harness
harvest hash haste haven hawk hazel headline headset health heart heavy hedge hedgehog height helmet help helper
hemlock herb heritage heron hexagon hickory hidden highway hiker hiking hill hinge hint hippo history hobby hockey
holiday hollow holly honest honey hoof hope horizon hornet host hotel house huge human humble humor hundred hungry
hurdle hurry husband husky hyacinth hybrid hydrogen ibex iceberg icicle icing icon ideal identify igloo image
imagine impact impala import impress improve inbox include income index indigo indoor infant inform inlet innocent
input inquiry insect inside insight inspire install instant intend interest intro invent invite invoice iodine
iris island isotope italic item itself ivory jackal jacket jackpot jaguar january jasmine javelin jazz jeans jelly
jersey jewel jigsaw jingle jogging join joke journal journey joyful jubilee judo juggle juice july jump june
junior juniper justice kale kangaroo karate kayak kazoo kebab keen kennel kettle keyboard khaki kilogram kimono
kindness king kiosk kitchen kite kitten kiwi knack knee knit knob koala label labor laborer lace ladder lady
lagoon lamb language lantern lapis laptop large laser lasso last latin lattice laugh launch laundry laurel lava
lavender lavish leader leaf learn lecture left legal legend lemon lemonade length lens lentil leopard letter
lettuce level liberty library license life lilac lily limerick limit linden lion liquid listen liter little lively
lizard llama load lobster local locker logic lonely long loop lotus lounge love lucky luggage lunar lunchbox lupin
luxury lyric macaroni macaw machine mackerel magenta magic magma magnet magpie mahogany mail major make mallard
malt mammal mammoth manage mandolin mango mansion mantis mantle manual maple marathon marble march margin marigold
marina market marmot maroon mascot mask mason master material math matrix mattress maximum maybe meadow mean
measure media medium meeting melody melon member memory mend mention mentor mercury mermaid mesh message metal
meteor method metro microbe midnight milk million mime mimosa mineral minibus minimum minnow minus minute miracle
mirror mistral mobile mocha model modern modest module moisture mole moment monday mongoose monitor monsoon month
moon mosaic moss mother motor movie much muffin mulberry multiply mural museum mushroom music mutual myrtle myself
mystery nacho nanny napkin narrate narrow narwhal nation native nature navigate navy neat nebula nectar needle
neighbor neon nephew neptune nerve network neutral never news nickel niece nimble nine nineteen ninety noble noise
noodle north notable note notebook nothing notice nougat novel nugget number nurse nursery nutmeg nylon oasis
oatmeal obelisk object oboe observe obtain occur ocean octagon octave october octopus offer office often okra
olive omega omelet once onion online only onset onward onyx oolong opal open opera opinion optic option oracle
orange orbit orca orchard orchid oregano organ organic origin oriole osprey ostrich otter outdoor outfit outline
output outside overall owner oxide oxygen oyster ozone pacific pack package paddle padlock page paint pair pajamas
palace palette palm pancake panda panel pansy panther pantry papaya paper paprika parade parasol parcel pardon
parent parka parole parsley partner party pass passage pasta pastel patient patio patriot patrol pattern payment
peace peacock peanut pearl pebble pecan peel pelican pencil penguin pennant penny people pepper percent perch
perfect perform perfume perhaps period permit person pewter phoenix phone photon phrase piano pickle picnic
picture pier pigeon pigment pilot pink pioneer pipe piston pitch pixel pizza plain planet plank plaster plate
plaza please pledge plenty plug plumber pocket podium poem poetry polar policy polish polite pollen polo pomelo
poncho pond pool popcorn poppy popular pose potato pottery pouch pour powder prairie praise prawn prefer premier
premium prepare present pretty pretzel pride primary prince prism private probe problem process produce profile
program project promise proof propel proud provide prune public pudding pueblo pulley pulse pumpkin punch pupil
puppet pure purple purpose push puzzle pyramid quail quaint quality quantum quarry quarter quartz queen quest
quick quiet quill quince quiver quiz quota rabbit raccoon radar radio radish radius radon rainbow raisin random
rapid rare ravioli razor reach ready really realm reason recall receive recess recipe recital record rector
recycle reduce redwood reef referee refill reflect reform refresh reggae region regular relate relax release relic
relief remain remark remind remote render renew renown rent repair repeat reply report request rescue resin resist
respect result return reunion reveal review reward rhino rhubarb rhyme rhythm ribbon rich rinse ripple rival roam
robin robot rock rodeo romance rooster rosy rotate route royal rubber ruby rudder ruler rumba runway rustic safari
safety saffron saga salad salmon salute sample sandal sardine saturn saucer sausage savanna save scale scallop
scan scarf scatter scene scenic scholar school science scooter scope scout scratch screen script scroll seagull
seal search seaside second secret section segment select senator senior sequel sequoia serene series service
sesame session seven several shade shadow shallow shampoo shark shawl shed sheep shelf shelter sherbet sheriff
shield shift shiver shoal shop shore shovel shrimp shrine shrub shuffle shutter shuttle sienna sign signal silence
silo silver similar since sister sixteen size skate skein sketch skiff skill skip skirt slab sleeve slice slim
sling slipper slogan slot small smart smile smith smooth snail snap snorkel snow snug soccer social soda soft
solid solve someone sonar sonata sonic soprano sorbet soul south space sparrow speak special speed spell sphere
spider spike spin spinach spiral spirit splash sponge spoon sport spray spread spring sprout spruce spur squad
square squash stable stack stadium staff stage stamp stapler star station statute steam stencil stereo steward
stone stool storage stork strand strap streak street stretch stripe strong stucco student studio sturdy style
subject submit suburb subway success sudden suede sugar suggest suit sultan summer sunday sunset supper support
supreme surf surface survey sushi suspend sweater sweet swirl switch symbol syrup system tablet tackle taco
tadpole tailor talent talk tandem tape target tassel tavern taxi teapot tempo tenant tennis tenor tepid term
terrace terrier texture thank thaw theater theme theory thermal thicket thimble thing third thirty thistle thorn
thread three thrive throw thrush thumb thunder thus tick tidy tiger tilt timber timid tiptoe tissue title today
toddler tofu token tomato tongue toolbox topaz topic torch tornado total toucan toward towel track tractor trade
traffic trail trailer tram transit trapeze treat trek trellis tremor trend trial tribe trio triple triumph trolley
trophy trough trouser trout true trumpet trunk trust truth tuba tuesday tulip turban turbine turkey turn turnip
turtle tutor tuxedo tweed twelve twenty twice twig twist typical ukulele ultra uncle under uniform unify unique
until update upgrade uplift upon upright uptown uranus urge useful usher usual utility valid valley value vanilla
vapor variety various vase vault vehicle velvet vendor venture venus veranda verify verse version vessel veteran
viaduct victory video view villa village vinegar vintage vinyl violet violin virtue visit visor vista visual vital
vivid vixen voice volcano volt volume voyage waffle wagon waiter walker walnut walrus waltz wander want warp
wasabi weasel weave website wedding weekend welcome wharf wheat when whisk whisper white wicker wide wild window
winter wisdom wisp within woman wombat work world wreath wrist yacht yarn yoga yogurt young yurt zebra zenith
zephyr zero zigzag zinc zinnia zipper zodiac zoology
`;
var WORDS = TEXT.trim().split(/\s+/);

// src/safety/index.ts
var NONCE = 16;
var HASH = 32;
function toBase64(bytes) {
  const plain = btoa(String.fromCharCode(...bytes));
  return plain.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
function fromBase64(text, length) {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length !== Math.ceil(length * 4 / 3)) return void 0;
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}
async function hash(label, ...parts) {
  const all = [new TextEncoder().encode(label), ...parts];
  const whole = new Uint8Array(all.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of all) {
    whole.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await crypto.subtle.digest("SHA-256", whole));
}
function commitment(fingerprint, nonce) {
  return hash("hilum safety 1", fingerprint, nonce);
}
function before(one, other) {
  for (const [at, byte] of one.entries()) {
    const theirs = other[at] ?? 0;
    if (byte !== theirs) return byte < theirs;
  }
  return false;
}
async function words(one, other) {
  const [low, high] = before(one.fingerprint, other.fingerprint) ? [one, other] : [other, one];
  const digest = await hash("hilum words 1", low.fingerprint, low.nonce, high.fingerprint, high.nonce);
  const bits = digest.slice(0, 6).reduce((sum, byte) => sum << 8n | BigInt(byte), 0n) >> 4n;
  const numbers = [33n, 22n, 11n, 0n].map((shift) => Number(bits >> shift & 2047n));
  return { numbers, words: numbers.map((number) => WORDS[number] ?? "") };
}
var Exchange = class {
  #events;
  #nonce;
  #own;
  #theirs;
  #commit;
  #reveal;
  #sentCommit = false;
  #opened = false;
  #over = false;
  constructor(events, random = (length) => crypto.getRandomValues(new Uint8Array(length))) {
    this.#events = events;
    this.#nonce = random(NONCE);
  }
  /** The fingerprints of the two ends are in force: commits. */
  async begin(own, theirs) {
    if (this.#own) return;
    [this.#own, this.#theirs] = [own, theirs];
    this.#events.send({ t: "commit", h: toBase64(await commitment(own, this.#nonce)) });
    this.#sentCommit = true;
    await this.#go();
  }
  async commit(h) {
    const bytes = fromBase64(h, HASH);
    if (!bytes || this.#commit) return this.#break();
    this.#commit = bytes;
    await this.#go();
  }
  async reveal(n) {
    const bytes = fromBase64(n, NONCE);
    if (!bytes || !this.#commit || this.#reveal) return this.#break();
    this.#reveal = bytes;
    await this.#go();
  }
  async #go() {
    if (this.#over || !this.#sentCommit || !this.#commit || !this.#own || !this.#theirs) return;
    if (!this.#opened) {
      this.#opened = true;
      this.#events.send({ t: "reveal", n: toBase64(this.#nonce) });
    }
    if (!this.#reveal) return;
    const expected = await commitment(this.#theirs, this.#reveal);
    if (this.#over) return;
    if (toBase64(expected) !== toBase64(this.#commit)) return this.#break();
    this.#over = true;
    const own = { fingerprint: this.#own, nonce: this.#nonce };
    this.#events.words(await words(own, { fingerprint: this.#theirs, nonce: this.#reveal }));
  }
  #break() {
    if (this.#over) return;
    this.#over = true;
    this.#events.broken();
  }
};
export {
  Exchange,
  WORDS,
  commitment,
  fromBase64,
  toBase64,
  words
};
