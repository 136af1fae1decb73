//! TEMPORARY inline ABI until contracts/abi exists.
#![expect(
    missing_docs,
    clippy::too_many_arguments,
    reason = "generated from the contracts' ABI; NatSpec lives there"
)]

alloy::sol! {
    #[sol(rpc, all_derives, extra_derives(serde::Serialize, serde::Deserialize))]
    contract LilypadMarket {
        enum DealState { None, Matched, Submitted, Challenged, Settled }
        enum Settlement { None, Accepted, Finalized, ProviderUpheld, ProviderSlashed, Inconclusive, SubmissionTimedOut, Declined }
        struct JobOffer { address creator; bytes32 jobDigest; bytes32 inputHash; bytes32 profile;
  uint64 fuelLimit; uint64 memoryBytesMax; uint128 pricePerGigafuelMax; uint128 solverFee; uint128 mediatorFee; uint128 collateralMin;
  bytes32 panel; uint8 mediatorCount; uint16 auditBps;
  uint32 submitWindow; uint32 judgeWindow; uint32 mediationWindow;
  uint32 callbackGas; address solver; address provider;
  uint64 nonce; uint64 expiry; string gateway; }
        struct ResourceOffer { address provider; bytes32 profile; uint64 fuelLimitMax; uint64 memoryBytesMax; uint128 pricePerGigafuel; uint128 collateral;
  bytes32 panel; uint32 slots; uint32 submitWindowMin; address solver; uint64 nonce; uint64 expiry; string gateway; }
        struct DealTerms { bytes32 jobOfferHash; bytes32 resourceOfferHash;
  address creator; address provider; address solver;
  bytes32 jobDigest; bytes32 inputHash; bytes32 profile; bytes32 panel;
  uint64 fuelLimit; uint128 pricePerGigafuel; uint128 solverFee; uint128 mediatorFee; uint128 collateral;
  uint8 mediatorCount; uint16 auditBps; uint32 submitWindow; uint32 judgeWindow; uint32 mediationWindow; uint32 callbackGas;
  uint32 slot; uint64 matchedAt; }
        struct Receipt { bytes32 jobDigest; bytes32 profile; uint8 status; uint8 trapKind; uint32 exitCode; uint64 fuelUsed; bytes32 outputsDigest; bytes32 journalHash; }
        struct DealView { DealState state; Settlement settlement; uint64 submittedAt; uint64 deadline; uint64 revealDeadline; uint64 anchorBlock; bytes32 seed; bytes32 receiptHash; bool auditDue; bool callbackDelivered; bool callbackFailed; address[] mediators; bytes32[] commitments; bytes32[] revealed; }
        function deposit(uint256 amount);
        function withdraw(uint256 amount);
        function balanceOf(address party) view returns (uint256 free, uint256 locked);
        function registerPanel(address[] mediators) returns (bytes32 panel);
        function matchOffers(JobOffer job, bytes jobSignature, ResourceOffer resource, bytes resourceSignature) returns (bytes32 deal);
        function declineDeal(DealTerms terms, uint8 reason);
        function submitResult(DealTerms terms, Receipt receipt);
        function acceptResult(DealTerms terms, Receipt receipt);
        function challengeResult(DealTerms terms);
        function auditResult(DealTerms terms);
        function commitReceipt(DealTerms terms, bytes32 commitment);
        function revealReceipt(DealTerms terms, Receipt receipt, bytes32 salt);
        function concludeMediation(DealTerms terms, Receipt providerReceipt);
        function finalizeDeal(DealTerms terms, Receipt receipt);
        function timeoutSubmission(DealTerms terms);
        function deliverResult(DealTerms terms, Receipt receipt, bytes journal);
        function deal(DealTerms terms) view returns (DealView);
        event JobRequested(bytes32 indexed offerHash, address indexed creator, JobOffer offer, bytes input);
        event DealMatched(bytes32 indexed dealId, address indexed creator, address indexed provider, DealTerms terms, string jobGateway, string providerGateway);
        event ResultSubmitted(bytes32 indexed dealId, Receipt receipt);
        event DealChallenged(bytes32 indexed dealId, address by, bool audit, address[] mediators);
        event DealSettled(bytes32 indexed dealId, Settlement how, uint256 paidToProvider, uint256 refundedToCreator, uint256 slashed, uint256 burned);
        event Paid(bytes32 indexed dealId, address indexed party, uint8 reason, uint256 amount);
        event ReceiptCommitted(bytes32 indexed dealId, address indexed mediator);
        event ReceiptRevealed(bytes32 indexed dealId, address indexed mediator, Receipt receipt);
        event CallbackDelivered(bytes32 indexed dealId);
        error Foo(uint256 a);
        error Bar(uint256 a);
    }
}

alloy::sol! {
    #[sol(rpc)]
    contract LilypadToken { function approve(address spender, uint256 value) returns (bool); function balanceOf(address account) view returns (uint256); function mint(address to, uint256 amount); }
}
