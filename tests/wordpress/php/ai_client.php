<?php
/**
 * A stand-in for the AI client of WordPress 7.0, which older versions lack: its hooks, events and errors, and nothing more.
 */

// phpcs:disable -- several namespaces in one file of the tests.

namespace WordPress\AiClient\Providers\Http\Exception {

	class ClientException extends \InvalidArgumentException {}

	class ServerException extends \RuntimeException {}
}

namespace WordPress\AiClient\Builders {

	/**
	 * Runs one prompt: the event before it, the provider, the event after it.
	 */
	class PromptBuilder {

		public function generate( \Tests_Model $model, $text ) {
			$messages = array( new \Tests_Message( $text ) );
			do_action( 'wp_ai_client_before_generate_result', new \Tests_Event( $model, $messages ) );
			$usage = ( $model->provider )( $text, $model );
			do_action( 'wp_ai_client_after_generate_result', new \Tests_Event( $model, $messages, $usage ) );
			return $usage;
		}
	}
}

namespace {

	class Tests_Message {

		private $text;

		public function __construct( $text ) {
			$this->text = $text;
		}

		public function getParts() {
			return array( $this );
		}

		public function getText() {
			return $this->text;
		}

		public function getFile() {
			return null;
		}
	}

	/**
	 * A model with its configuration; `provider` gets the text and returns the tokens of input and output.
	 */
	class Tests_Model {

		public $provider;
		public $max = null;

		public function __construct( callable $provider ) {
			$this->provider = $provider;
		}

		public function metadata() {
			return $this;
		}

		public function getId() {
			return 'tests-model';
		}

		public function getSupportedOptions() {
			return array( $this );
		}

		public function getName() {
			return 'maxTokens';
		}

		public function getConfig() {
			return new Tests_Config( $this->max );
		}

		public function setConfig( $config ) {
			$this->max = $config->getMaxTokens();
		}
	}

	class Tests_Config {

		private $max;

		public function __construct( $max ) {
			$this->max = $max;
		}

		public function getMaxTokens() {
			return $this->max;
		}

		public function setMaxTokens( $max ) {
			$this->max = $max;
		}

		public function getCandidateCount() {
			return null;
		}

		public function getSystemInstruction() {
			return null;
		}
	}

	/**
	 * Both events, the result and its usage.
	 */
	class Tests_Event {

		private $model;
		private $messages;
		private $usage;

		public function __construct( $model, $messages, $usage = null ) {
			$this->model    = $model;
			$this->messages = $messages;
			$this->usage    = $usage;
		}

		public function getModel() {
			return $this->model;
		}

		public function getMessages() {
			return $this->messages;
		}

		public function getCapability() {
			return 'text_generation';
		}

		public function getResult() {
			return $this;
		}

		public function getTokenUsage() {
			return $this;
		}

		public function getPromptTokens() {
			return $this->usage[0];
		}

		public function getCompletionTokens() {
			return $this->usage[1];
		}

		public function getTotalTokens() {
			return $this->usage[0] + $this->usage[1];
		}
	}

	/**
	 * Turns exceptions into errors, as the builder of WordPress does.
	 */
	class WP_AI_Client_Prompt_Builder {

		public function generate_text( Tests_Model $model, $text ) {
			try {
				$builder = new WordPress\AiClient\Builders\PromptBuilder();
				return $builder->generate( $model, $text );
			} catch ( Exception $error ) {
				$data = array(
					'status'          => $error->getCode(),
					'exception_class' => get_class( $error ),
				);
				return new WP_Error( 'prompt_client_error', $error->getMessage(), $data );
			}
		}
	}
}
